"""How a host differs from what belongs on it: the one comparison of the two; pure.

The plan of an apply, the steps of a rollout, what remediation does about a host and what it reports all come from it.
Unknown is never equal: what could not be found out counts as a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Literal

from windlass.domain.host.container_drift import container_drift
from windlass.domain.host.containers import Container
from windlass.domain.host.desired import (
    ONE_BY_ONE,
    DesiredHost,
    DesiredLink,
    DesiredProgram,
    DesiredService,
    DesiredUnit,
)
from windlass.domain.host.file_drift import FileDrift, Unknown, find_file_drift
from windlass.domain.host.layout import ADDRESS_SERVICE, API_PROXY, PROXY_SERVICE, PROXY_TRUST, VIRTUAL_ADDRESS
from windlass.domain.host.observed import ObservedHost
from windlass.domain.rendering import HostImage
from windlass.domain.rendering.stacks import OWN_COMPONENTS

DriftKind = Literal["program", "link", "file", "certificate", "setting", "unit", "service", "surplus"]
_LOADED_AT_START = {API_PROXY: PROXY_SERVICE, PROXY_TRUST: PROXY_SERVICE, VIRTUAL_ADDRESS: ADDRESS_SERVICE}
"""Settings that a container reads when it starts, and takes over while it runs: by what plans call them."""


@dataclass(frozen=True)
class Difference:
    """One difference, for people."""

    kind: DriftKind
    name: str
    text: str
    """What and how, in words that name it."""


@dataclass(frozen=True)
class UnitDrift:
    """A unit that has to be started or restarted."""

    unit: DesiredUnit
    is_current: bool
    """Whether it runs with what lies on the host now; then it is what it reads that will change."""
    version: str | None
    """What its own file names now; None if it names none."""

    def __str__(self) -> str:
        name, version = self.unit.name, self.unit.version
        if self.version not in {None, version}:
            return f"{name} is {self.version}, not {version}"
        return f"{name} reads files that differ" if self.is_current else f"{name} does not run with what lies there"


@dataclass(frozen=True)
class ServiceDrift:
    """A container that is missing, does not run, or is not as rendered."""

    service: DesiredService
    is_running: bool | None
    """None where its engine did not tell."""
    version: str | None
    """What its container was made from; None if there is none, or it does not say, or nobody could tell."""
    is_other_rendering: bool
    """Whether it is to be started, or was made from another rendering: that is what starting its stack puts right.

    Else it was changed by other hands and still carries the label of what was rendered: only to recreate it helps.
    """
    state: str = ""
    """Why it does not run, or is not known to, in words; empty if it runs."""
    differs: tuple[str, ...] = ()
    """How its container is not as rendered, in words, or that it has read files as they are no more."""
    reads: str = ""
    """What it reads only when it starts and that changes or has changed since, in words: it has to be recreated."""

    def __str__(self) -> str:
        said = self.differs or ((self.reads,) if self.reads else ())
        return f"{self.service.component}: {', '.join(filter(None, (self.state, *said)))}"


@dataclass(frozen=True)
class HostDrift:
    """How one host differs from what belongs on it; empty only if all of it is known to be as it should be."""

    programs: tuple[DesiredProgram, ...] = ()
    """What is not installed."""
    links: tuple[DesiredLink, ...] = ()
    """Paths that do not lead to the program that they should."""
    files: tuple[FileDrift, ...] = ()
    certificates: tuple[FileDrift, ...] = ()
    has_no_certificates: bool = False
    """Whether the cluster has none yet."""
    settings: tuple[str, ...] = ()
    """What has not been loaded as it lies on the host."""
    units: tuple[UnitDrift, ...] = ()
    services: tuple[ServiceDrift, ...] = ()
    surplus: tuple[str, ...] = ()
    """Components of users' stacks that run and do not belong here."""
    left_files: tuple[str, ...] = ()
    """Files that were written because a spec asked for them, and that it has no more."""
    absent_images: tuple[HostImage, ...] = ()
    """Images that are worth fetching ahead. That one is missing is no difference: a runtime fetches what it lacks."""

    @property
    def is_empty(self) -> bool:
        """Whether the host is as it should be."""
        return next(self.differences, None) is None

    @property
    def is_all_laid(self) -> bool:
        """Whether all that belongs on the host lies there, images included: whatever differs has only to be started."""
        laid = (
            self.programs,
            self.links,
            self.files,
            self.certificates,
            self.settings,
            self.absent_images,
            self.left_files,
        )
        return not self.has_no_certificates and not any(laid)

    @property
    def differences(self) -> Iterator[Difference]:
        """Every difference, in the order in which they are put right."""
        for program in self.programs:
            yield Difference("program", program.name, f"{program} is not installed")
        for link in self.links:
            yield Difference("link", link.path, f"{link.path} does not lead to {link.program}")
        for file in self.files:
            yield Difference("file", file.path, str(file))
        if self.has_no_certificates:
            yield Difference("certificate", "certificates", "certificates are still to be issued")
        for file in self.certificates:
            yield Difference("certificate", file.path, str(file))
        for name in self.settings:
            text = "has not loaded what lies there" if name in _LOADED_AT_START else "are not loaded as they lie there"
            yield Difference("setting", name, f"{name} {text}")
        for unit in self.units:
            yield Difference("unit", unit.unit.name, str(unit))
        for service in self.services:
            yield Difference("service", service.service.component, str(service))
        yield from self._surplus_differences

    @property
    def _surplus_differences(self) -> Iterator[Difference]:
        for path in self.left_files:
            yield Difference("surplus", path, f"{path} is no longer in the spec")
        for component in self.surplus:
            yield Difference("surplus", component, f"{component} runs and does not belong here")

    @property
    def other_version(self) -> str:
        """The component and version that the host runs if it is not the desired one; empty if nothing is known of any.

        An upgrade is under way then, or was left halfway.
        """
        running = [(one.service.component, one.version, one.service.version) for one in self.services]
        units = [(one.unit.component, one.version, one.unit.version) for one in self.units]
        found = (f"{name} {has}" for name, has, wants in chain(running, units) if has and has != wants)
        return next(found, "")


def is_as_desired(desired: DesiredHost, observed: ObservedHost) -> bool:
    """Say whether a host is as it should be: the fixed point that apply, rollouts and remediation work towards.

    Programs are unpacked and found by their paths; files and certificates have content, mode and owner; settings are
    loaded; units run with what lies there; each container runs and was made from what is rendered; no other does.
    """
    return find_host_drift(desired, observed).is_empty


def find_host_drift(desired: DesiredHost, observed: ObservedHost) -> HostDrift:
    """Return how `observed` differs from `desired`."""
    files = find_file_drift(desired.files, observed.files)
    certificates = find_file_drift(desired.certificates or {}, observed.files)
    left = tuple(sorted(observed.own - desired.own))
    changed = {one.path for one in (*files, *certificates) if not one.is_access_only} | set(left)
    services = tuple(filter(None, (_service(one, observed, changed) for one in desired.services.values())))
    return HostDrift(
        programs=tuple(one for one in desired.programs if not _is_installed(one, observed)),
        links=tuple(one for one in desired.links if observed.links.get(one.path) != one.target),
        files=files,
        certificates=certificates,
        has_no_certificates=desired.certificates is None,
        settings=tuple(_settings(desired.settings, observed, changed, services)),
        units=tuple(_units(desired.units, observed, changed)),
        services=services,
        surplus=tuple(_surplus(desired.services, observed)),
        left_files=left,
        absent_images=tuple(one for one in desired.images if not observed.has_image(one.runtime, one.reference)),
    )


def _is_installed(program: DesiredProgram, observed: ObservedHost) -> bool:
    if program.directory is None:
        return observed.facts.docker_version is not None
    return not isinstance(observed.programs, Unknown) and program.directory in observed.programs


def _settings(
    settings: Mapping[str, tuple[str, ...]],
    observed: ObservedHost,
    changed: set[str],
    services: tuple[ServiceDrift, ...],
) -> Iterator[str]:
    """Give what is not loaded. A container loads its files also if they will change, and by itself when it starts."""
    starting = {one.service.component: one for one in services if one.is_other_rendering}
    for name, files in settings.items():
        if name not in _LOADED_AT_START:
            is_loaded = _is_loaded(observed, name) and not changed & ONE_BY_ONE & set(files)
        elif (reader := starting.get(_LOADED_AT_START[name])) is not None:
            is_loaded = reader.is_running is not None
        else:
            is_loaded = _is_loaded(observed, name) and not changed & set(files)
        if not is_loaded:
            yield name


def _is_loaded(observed: ObservedHost, name: str) -> bool:
    loaded = observed.settings.get(name)
    return loaded is not None and loaded.is_current


def _units(units: tuple[DesiredUnit, ...], observed: ObservedHost, changed: set[str]) -> Iterator[UnitDrift]:
    for unit in units:
        found = observed.units.get(unit.name)
        is_current, version = found is not None and found.is_current, observed.versions.get(unit.component)
        if not is_current or version not in {None, unit.version} or any(map(unit.reads, changed)):
            yield UnitDrift(unit, is_current, version)


def _service(desired: DesiredService, observed: ObservedHost, changed: set[str]) -> ServiceDrift | None:
    if isinstance(observed.containers, Unknown):
        return _not_running(desired, f"unknown: {observed.containers.why}", is_running=None)
    container = observed.containers.get(desired.component)
    if container is None:
        return _not_running(desired, "there is no container of it", is_running=False)
    runs, is_of_stack = container.is_running, bool(container.stack)
    outdated = _outdated(desired, container, observed) if runs else ""
    differs = (
        *(() if is_of_stack else ("it is of no stack",)),
        *container_drift(desired.definition, container),
        *((outdated,) if outdated else ()),
    )
    to_come = sorted(changed.intersection(desired.reads_once)) if runs else []
    reads = outdated or (f"it reads {', '.join(to_come)} only when it starts" if to_come else "")
    if runs and not differs and not reads:
        return None
    is_rendered = runs and is_of_stack and container.digest == desired.digest
    state = "" if runs else f"its container is {container.state}"
    return ServiceDrift(desired, runs, container.version, not is_rendered, state, differs, reads)


def _outdated(desired: DesiredService, container: Container, observed: ObservedHost) -> str:
    """Return what was written since a container started and that it reads only then; empty if nothing is known of."""
    since = [path for path in desired.reads_once if _is_after(observed.written.get(path), container.started)]
    return f"it started before {', '.join(since)} was written" if since else ""


def _is_after(written: datetime | None, started: datetime | None) -> bool:
    return written is not None and started is not None and written > started


def _not_running(desired: DesiredService, state: str, *, is_running: bool | None) -> ServiceDrift:
    return ServiceDrift(desired, is_running, None, is_other_rendering=True, state=state)


def _surplus(desired: Mapping[str, DesiredService], observed: ObservedHost) -> Iterator[str]:
    """Give what runs of users' stacks; Windlass's own is left to the operations that know when it may go."""
    if isinstance(observed.containers, Unknown):
        return
    for name, one in observed.containers.items():
        if one.is_running and one.stack and name not in desired and name not in OWN_COMPONENTS:
            yield name
