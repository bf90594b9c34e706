"""The catalog: Kubernetes releases that Windlass was tested with, and the templates that make them."""

from __future__ import annotations

from windlass.domain.catalog.driver_files import parse_drivers
from windlass.domain.catalog.drivers import Driver, Drivers
from windlass.domain.catalog.parsing import CatalogFiles, parse_catalog
from windlass.domain.catalog.questions import Question
from windlass.domain.catalog.release import Catalog, Release, RemovedApi
from windlass.domain.catalog.stack_files import parse_stacks
from windlass.domain.catalog.stacks import StackTemplate

__all__ = [
    "Catalog",
    "CatalogFiles",
    "Driver",
    "Drivers",
    "Question",
    "Release",
    "RemovedApi",
    "StackTemplate",
    "parse_catalog",
    "parse_drivers",
    "parse_stacks",
]
