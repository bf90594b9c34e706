"""What the API works with, as dependencies, so that tests can give others."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated

from fastapi import Depends

from windlass.airflow.connections import open_shown_store, people_keys
from windlass.airflow.services import airflow_services
from windlass.domain.catalog import Catalog
from windlass.domain.catalog.tested import Standing
from windlass.domain.sealing import MasterKeys
from windlass.domain.spec import Known
from windlass.effects.catalog import catalog_standing
from windlass.effects.clock import SYSTEM_CLOCK, Clock
from windlass.effects.installed import HOST_PROVIDERS, installed_names
from windlass.effects.packaged import catalog_directory
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


@lru_cache(maxsize=1)
def standings() -> Mapping[str, Standing]:
    """Return how each release stands by the record of its tests."""
    found = catalog()
    return {one: catalog_standing(catalog_directory(), found.release(one)) for one in found.versions}


def known() -> Known:
    """Return what a new spec may name: all of the catalog, and the host providers that are installed."""
    return Known.of(catalog(), installed_names(HOST_PROVIDERS))


TheStore = Annotated[Store, Depends(store)]
PeopleKeys = Annotated[MasterKeys, Depends(people_keys)]
TheClock = Annotated[Clock, Depends(clock)]
TheKeys = Annotated[MasterKeys | None, Depends(keys)]
TheCatalog = Annotated[Catalog, Depends(catalog)]
TheStandings = Annotated[Mapping[str, Standing], Depends(standings)]
TheKnown = Annotated[Known, Depends(known)]
