"""What the API works with, as dependencies, so that tests can give others."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from windlass.airflow.connections import open_shown_store, people_keys
from windlass.domain.sealing import MasterKeys
from windlass.effects.clock import SYSTEM_CLOCK, Clock
from windlass.effects.store import Store


def store() -> Store:
    """Return the store; a dependency, so that tests can give another."""
    return open_shown_store()


def clock() -> Clock:
    """Return the time."""
    return SYSTEM_CLOCK


TheStore = Annotated[Store, Depends(store)]
PeopleKeys = Annotated[MasterKeys, Depends(people_keys)]
TheClock = Annotated[Clock, Depends(clock)]
