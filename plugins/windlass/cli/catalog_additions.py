"""`windlass catalog drivers add` and `stacks add`: one of your own is tried, and copied to where it is found."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from windlass.domain.catalog import Catalog, Drivers, Release
from windlass.domain.catalog.driver_files import merged
from windlass.domain.host.host_checks import any_lock
from windlass.domain.rendering.rehearsal import Rehearsal, rehearse_driver, rehearse_stack
from windlass.effects.catalog import (
    DRIVERS_SETTING,
    STACKS_SETTING,
    load_catalog,
    named_directories,
    read_driver,
    read_stack,
)
from windlass.effects.directory_copy import copy_into
from windlass.errors import RefusedError, SpecError


def add_driver(arguments: argparse.Namespace) -> int:
    """Copy a driver to the first directory of WINDLASS_DRIVERS; nothing is changed if it cannot be picked there."""
    source: Path = arguments.directory.absolute()
    catalog, driver = _catalog(arguments), read_driver(source)
    directory = _first(DRIVERS_SETTING)
    if driver.id in {*catalog.drivers.loaded, *catalog.drivers.broken}:
        raise RefusedError(f"the catalog has a driver {driver.key} already; nothing was copied: rename {source}")
    alone = Drivers({driver.id: driver})
    releases = [one.with_drivers(merged([one.drivers, alone])) for one in catalog.releases.values()]
    count = _tried(driver.key, ((one, rehearse_driver(one, driver, any_lock(one))) for one in releases))
    target = directory / driver.slot / driver.name
    copy_into(source, target)
    print(f"{driver.key}: {count} renderings: 0 problems; copied to {target}")
    return 0


def add_stack(arguments: argparse.Namespace) -> int:
    """Copy a stack to the first directory of WINDLASS_STACKS; nothing is changed if it cannot be picked there."""
    source: Path = arguments.directory.absolute()
    catalog, stack = _catalog(arguments), read_stack(source)
    directory = _first(STACKS_SETTING)
    if stack.name in catalog.stacks:
        raise RefusedError(f"the catalog has a stack {stack.name} already; nothing was copied: rename {source}")
    releases = [one.with_stacks({**one.stacks, stack.name: stack}) for one in catalog.releases.values()]
    count = _tried(stack.name, ((one, rehearse_stack(one, stack, any_lock(one))) for one in releases))
    target = directory / stack.name
    copy_into(source, target)
    print(f"{stack.name}: {count} renderings: 0 problems; copied to {target}")
    return 0


def _first(setting: str) -> Path:
    """Return where one's own are copied to; SpecError if the setting names nothing."""
    directories = named_directories(setting)
    if not directories:
        raise SpecError(f"{setting} names no directory; set it, for Airflow's tasks too, and start this again")
    return directories[0]


def _catalog(arguments: argparse.Namespace) -> Catalog:
    return load_catalog(arguments.include / "templates" / "kubernetes")


def _tried(name: str, rehearsals: Iterable[tuple[Release, Iterable[Rehearsal]]]) -> int:
    """Return how many renderings went well; SpecError that tells of all that did not."""
    done = [(release, one) for release, some in rehearsals for one in some]
    problems = [f"{release.version}, {one.name}: {one.problem}" for release, one in done if one.problem]
    if problems:
        raise SpecError(f"{name} does not render, and nothing was copied:\n" + "\n".join(problems))
    if not done:
        raise SpecError(f"{name} is for no release of the catalog, and nothing was copied; see its `releases`")
    return len(done)
