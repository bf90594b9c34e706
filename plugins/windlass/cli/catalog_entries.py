"""`windlass catalog drivers` and `windlass catalog stacks`: what a spec may pick, what it asks, whether it renders."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from windlass.cli.lock_option import lock_if_any
from windlass.cli.output_form import as_document, is_for_programs
from windlass.domain.artifacts import Artifact, Lock
from windlass.domain.catalog import Catalog, Driver, Drivers, Question, Release, StackTemplate
from windlass.domain.catalog.icons import ICON_FILE
from windlass.domain.host.host_checks import any_lock
from windlass.domain.host.layout import stack_data_directory
from windlass.domain.rendering.rehearsal import Rehearsal, rehearse_driver, rehearse_stack
from windlass.effects.catalog import load_catalog
from windlass.errors import SpecError

_FAILED = 1


def _catalog(arguments: argparse.Namespace) -> Catalog:
    directory: Path = arguments.include / "templates" / "kubernetes"
    return load_catalog(directory)


def _list_drivers(arguments: argparse.Namespace) -> int:
    drivers = _catalog(arguments).drivers
    if is_for_programs(arguments):
        rows = [_row(one) for one in _sorted(drivers.loaded.values())]
        broken = [{"name": "/".join(one), "problem": why} for one, why in sorted(drivers.broken.items())]
        print(as_document({"drivers": rows, "broken": broken}, arguments.output))
    else:
        for driver in _sorted(drivers.loaded.values()):
            print(f"{driver.key:<30} {driver.title}: {_first_sentence(driver.description)}")
        _tell_broken(drivers)
    return _FAILED if drivers.broken else 0


def _row(driver: Driver) -> dict[str, Any]:
    return {
        "name": driver.key,
        "title": driver.title,
        "description": driver.description,
        "file": driver.where,
        "questions": [one.variable for one in driver.questions],
        "images": dict(driver.images),
        "releases": list(driver.needs.releases),
        "icon": driver.icon,
    }


def _tell_broken(drivers: Drivers) -> None:
    for one, why in sorted(drivers.broken.items()):
        print(f"{'/'.join(one)}: cannot be picked: {why}")


def _list_stacks(arguments: argparse.Namespace) -> int:
    stacks = _catalog(arguments).stacks
    if is_for_programs(arguments):
        rows = [
            {
                "name": one.name,
                "title": one.title,
                "description": one.description,
                "file": one.where,
                "questions": [asked.variable for asked in one.questions],
            }
            for one in stacks.values()
            if not one.broken
        ]
        broken = [{"name": one.name, "problem": one.broken} for one in stacks.values() if one.broken]
        print(as_document({"stacks": rows, "broken": broken}, arguments.output))
    else:
        for stack in stacks.values():
            told = f"cannot be picked: {stack.broken}" if stack.broken else _first_sentence(stack.description)
            print(f"{stack.name:<30} {told}")
    return _FAILED if any(one.broken for one in stacks.values()) else 0


def _show_driver(arguments: argparse.Namespace) -> int:
    driver = _driver(_catalog(arguments).drivers, arguments.name)
    print(f"{driver.key}: {driver.title}\n  {driver.description}\n  {driver.where}")
    _show_questions(driver.questions, f"spec.{driver.slot}.values")
    needs = driver.needs
    parts: Mapping[str, Sequence[str]] = {
        "releases": needs.releases,
        "architectures": needs.architectures,
        "kernel": [f"{one.least[0]}.{one.least[1]} or later{_where(one.when)}" for one in needs.kernel],
        "modules": [f"{one.name}{_where(one.when)}{' (required)' * one.required}" for one in needs.modules],
        "images": _versions(driver.images),
        "files": _versions(driver.files),
        "namespaces": driver.namespaces,
        "ports between nodes": [f"{one.port}/{one.protocol}" for one in driver.traffic],
        "answers once it works": driver.verify,
        "taken from hosts with it": [
            *driver.traces.interfaces, *driver.traces.chains, *driver.traces.tables, *driver.traces.paths
        ],
    }  # fmt: skip
    if driver.icon:
        print(f"icon: {Path(driver.where).with_name(ICON_FILE)}")
    for title, words in parts.items():
        if words:
            print(f"{title}: {', '.join(words)}")
    return 0


def _show_stack(arguments: argparse.Namespace) -> int:
    stack = _stack(_catalog(arguments).stacks, arguments.name)
    print(f"{': '.join(filter(None, (stack.name, stack.title)))}\n  {stack.description.strip()}\n  {stack.where}")
    _show_questions(stack.questions, "values")
    _show_services(stack)
    if stack.images:
        print(f"images: {', '.join(_versions(stack.images))}")
    return 0


def _show_services(stack: StackTemplate) -> None:
    if stack.services is None:
        return
    asked = [f"label {key}={value}" for key, value in stack.services.labels.items()]
    asked += [f"no label {key}={value}" for key, value in stack.services.not_labels]
    where = "all hosts that fit" if stack.scale is None else f"{stack.scale} of the hosts that fit"
    print(f"runs on {where}{''.join(f', {one}' for one in asked)}; its data: {stack_data_directory(stack.name)}")
    for name, check in stack.services.health.items():
        told = "no check" if check is None else f"{check['protocol']} at port {check['port']}, {check['strategy']}"
        print(f"service {name}: {told}")


def _show_questions(questions: Iterable[Question], where: str) -> None:
    for one in questions:
        kind = f"{one.kind} of {', '.join(one.options)}" if one.options else one.kind
        default = "must be answered" if one.default is None else f"default {json.dumps(one.default)}"
        stays = "; a running cluster keeps it" if one.fixed else ""
        more = f" ({one.description.strip()})" if one.description else ""
        print(f"{where}.{one.variable} ({kind}, {default}{_where(one.when)}): {one.label}{more}{stays}")


def _where(when: Mapping[str, Any]) -> str:
    return "".join(f" with {variable} {value}" for variable, value in when.items())


def _versions(parts: Mapping[str, str]) -> list[str]:
    return [f"{name} {version}" for name, version in parts.items()]


def _verify_drivers(arguments: argparse.Namespace) -> int:
    catalog, lock = _catalog(arguments), lock_if_any(arguments.lock)
    drivers = catalog.drivers
    chosen = [_driver(drivers, name) for name in arguments.names] or _sorted(drivers.loaded.values())
    problems = [] if arguments.names else [f"{'/'.join(one)}: {why}" for one, why in sorted(drivers.broken.items())]
    problems += [f"{one} is not in the lock" for one in _missing(chosen, lock)]
    return _told(problems, (one for driver in chosen for one in _of_releases(catalog, driver)), "drivers", len(chosen))


def _missing(drivers: Iterable[Driver], lock: Lock | None) -> Iterator[str]:
    """Yield the images that drivers bring and the lock has not; those of releases are checked with these."""
    if lock is not None:
        brought = (Artifact("image", name, version) for one in drivers for name, version in one.brought.items())
        yield from sorted(str(one) for one in brought if one not in lock.artifacts)


def _of_releases(catalog: Catalog, driver: Driver) -> Iterator[Rehearsal]:
    for version in catalog.versions:
        release = catalog.release(version)
        yield from (_at(release, one) for one in rehearse_driver(release, driver, any_lock(release)))


def _verify_stacks(arguments: argparse.Namespace) -> int:
    catalog = _catalog(arguments)
    loaded = [one for one in catalog.stacks.values() if not one.broken]
    chosen = [_stack(catalog.stacks, name) for name in arguments.names] or loaded
    problems = [] if arguments.names else [one.broken for one in catalog.stacks.values() if one.broken]
    releases = [catalog.release(version) for version in catalog.versions]
    rehearsals = (
        _at(release, one)
        for stack in chosen
        for release in releases
        for one in rehearse_stack(release, stack, any_lock(release))
    )
    return _told(problems, rehearsals, "stacks", len(chosen))


def _at(release: Release, one: Rehearsal) -> Rehearsal:
    return Rehearsal(f"{release.version}, {one.name}", one.problem)


def _told(problems: list[str], rehearsals: Iterable[Rehearsal], what: str, count: int) -> int:
    done = list(rehearsals)
    problems = [*problems, *(f"rendering ({one.name}): {one.problem}" for one in done if one.problem)]
    for problem in problems:
        print(problem)
    print(f"{count} {what}, {len(done)} renderings: {len(problems)} problems")
    return _FAILED if problems else 0


def _driver(drivers: Drivers, name: str) -> Driver:
    """Return a driver by slot and name, or by its name alone where one slot has it."""
    slot, separator, alone = name.partition("/")
    if separator:
        return drivers.driver(slot, alone)
    found = [one for one in drivers.loaded.values() if one.name == name]
    if len(found) != 1:
        known = ", ".join(one.key for one in _sorted(found or drivers.loaded.values()))
        raise SpecError(f"which driver is `{name}`? say one of {known}")
    return found[0]


def _stack(stacks: Mapping[str, StackTemplate], name: str) -> StackTemplate:
    if name not in stacks:
        raise SpecError(f"the catalog has no stack `{name}`; it has: {', '.join(sorted(stacks))}")
    if stacks[name].broken:
        raise SpecError(f"the stack `{name}` cannot be picked: {stacks[name].broken}")
    return stacks[name]


def _sorted(drivers: Iterable[Driver]) -> list[Driver]:
    return sorted(drivers, key=lambda one: one.id)


def _first_sentence(text: str) -> str:
    return " ".join(text.split()).partition(". ")[0].removesuffix(".")


ACTIONS: Mapping[tuple[str, str], Callable[[argparse.Namespace], int]] = {
    ("drivers", "list"): _list_drivers,
    ("drivers", "show"): _show_driver,
    ("drivers", "verify"): _verify_drivers,
    ("stacks", "list"): _list_stacks,
    ("stacks", "show"): _show_stack,
    ("stacks", "verify"): _verify_stacks,
}
"""What each command does, by what it is about and its own name."""
