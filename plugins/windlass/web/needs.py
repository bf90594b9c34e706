"""What the API works with, as dependencies, so that tests can give others."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Annotated

from fastapi import Depends

from windlass.airflow.connections import open_shown_store, people_keys
from windlass.airflow.services import airflow_services
from windlass.domain.catalog import Catalog
from windlass.domain.sealing import MasterKeys
from windlass.effects.clock import SYSTEM_CLOCK, Clock
from windlass.effects.store import Store
from windlass.errors import WindlassError

log = logging.getLogger(__name__)


def store() -> Store:
    """Return the store; a dependency, so that tests can give another."""
    return open_shown_store()


def clock() -> Clock:
    """Return the time."""
    return SYSTEM_CLOCK


def keys() -> MasterKeys | None:
    """Return the master keys; None where this API server has none, and what they would check stays unknown."""
    try:
        return airflow_services().keys
    except WindlassError as error:
        log.info("drills are shown as far as the store checks them: %s", error)
        return None


@lru_cache(maxsize=1)
def catalog() -> Catalog:
    """Return every release that Windlass knows."""
    return airflow_services().catalog


TheStore = Annotated[Store, Depends(store)]
PeopleKeys = Annotated[MasterKeys, Depends(people_keys)]
TheClock = Annotated[Clock, Depends(clock)]
TheKeys = Annotated[MasterKeys | None, Depends(keys)]
TheCatalog = Annotated[Catalog, Depends(catalog)]
