"""What a rollout does about the drift of a host; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from windlass.domain.artifacts import Artifact
from windlass.domain.host.drift import HostDrift, UnitDrift
from windlass.domain.host.file_drift import FileDrift
from windlass.domain.host.layout import ADDRESS_CONFIG, API_PROXY, PROXY_CONFIG, VIRTUAL_ADDRESS, stack_directory
from windlass.domain.rollout.step import API_SERVICE, KUBELET, KUBELET_CERTIFICATES, PROXY, HostState
from windlass.domain.spec.models import Host

FILES, CERTIFICATES = "files", "certificates"
_WITH_PROXIES = {API_PROXY: PROXY_CONFIG, VIRTUAL_ADDRESS: ADDRESS_CONFIG}
"""What tells which API servers there are: it changes in steps of its own, before what joins starts."""


def host_state(drift: HostDrift) -> HostState:
    """Return what of a host has to change, and what must be fetched for it.

    A container that was changed by other hands, and is labelled as rendered, is left to `heal_cluster`; one that reads
    a file only when it starts is recreated where that file changes.
    """
    return HostState(
        dict(_stale(drift)),
        tuple(map(str, drift.programs)),
        tuple(fetched_as(image.artifact) for image in drift.absent_images),
    )


def new_host_state(host: Host) -> HostState:
    """Return what is to be done on a machine that has nothing of the cluster yet, once it was prepared."""
    stale = {API_SERVICE: "kube-apiserver started"} if "control-plane" in host.roles else {}
    if host.is_node:
        return HostState({**stale, KUBELET: "kubelet and all else that it runs started"})
    return HostState({**stale, "files": "all else that it runs started"})


def _stale(drift: HostDrift) -> Iterator[tuple[str, str]]:
    """Give parts in the order in which plans show them; a file that a part reads is told with that part."""
    services = [one for one in drift.services if one.is_other_rendering or one.reads]
    for one in services:
        old = one.version if one.is_running else None
        name = one.service.component
        is_running = one.is_running is not False  # where nobody could tell, it may well run
        yield f"{one.service.stack}/{name}", _change(name, old, one.service.version, is_running=is_running)
    for unit in drift.units:
        yield (
            part_of_unit(drift, unit),
            _change(unit.unit.component, unit.version, unit.unit.version, is_running=unit.is_current),
        )
    if drift.surplus:
        yield "surplus", f"{', '.join(drift.surplus)} stopped, which the spec does not have there"
    if drift.links:
        yield "programs", "programs relinked"
    if settings := [one for one in drift.settings if one not in _WITH_PROXIES]:
        yield "settings", f"{', '.join(settings)} reloaded"
    if with_proxies := [one for one in _WITH_PROXIES if one in drift.settings]:
        yield PROXY, f"{', '.join(with_proxies)} reloaded"
    rest = [one for one in drift.files if part_of_file(drift, one.path) == FILES]
    told = [_file(one) for one in sorted(rest, key=lambda one: one.path)]
    told += [f"{path} taken away or put back" for path in drift.left_files]
    if told:
        yield FILES, f"files: {', '.join(told)}"
    if drift.certificates:
        yield CERTIFICATES, _certificates(drift.certificates)


def reading(drift: HostDrift) -> tuple[str, ...]:
    """Return the services, as `STACK/SERVICE`, that run and have to start again for a file that they read only then."""
    return tuple(f"{one.service.stack}/{one.service.component}" for one in drift.services if one.reads)


def part_of_unit(drift: HostDrift, unit: UnitDrift) -> str:
    """Return with which part of a host plans tell of a unit: a kubelet that only reads other certificates apart.

    It starts again as the same program with the same settings, and its pods run on: no node is drained for it.
    """
    others = {*(one.path for one in drift.files if one.content), *drift.left_files}
    is_same = unit.is_current and unit.version in {None, unit.unit.version} and not any(map(unit.unit.reads, others))
    return KUBELET_CERTIFICATES if unit.unit.component == KUBELET and is_same else unit.unit.component


def part_of_file(drift: HostDrift, path: str) -> str:
    """Return with which part of a host plans tell of a file that differs: what starts again for it, else the files."""
    if any(path == _WITH_PROXIES[name] for name in drift.settings if name in _WITH_PROXIES):
        return PROXY
    for unit in drift.units:
        if unit.unit.owns(path):
            return unit.unit.component
    for one in drift.services:
        if one.is_other_rendering and path.startswith(f"{stack_directory(one.service.stack)}/"):
            return f"{one.service.stack}/{one.service.component}"
    return FILES


def _change(what: str, old: str | None, new: str, *, is_running: bool) -> str:
    if old is not None and old != new:
        return f"{what} {old} -> {new}"
    return f"{what} restarted" if is_running else f"{what} started"


def _file(drift: FileDrift) -> str:
    return str(drift) if drift.is_access_only else drift.path


def _certificates(drift: Sequence[FileDrift]) -> str:
    changed = [one for one in drift if not one.is_access_only]
    return "certificates: " + ", ".join(
        [*([f"{len(changed)} files"] if changed else []), *(str(one) for one in drift if one.is_access_only)]
    )


def fetched_as(artifact: Artifact) -> str:
    """Return how plans call an artifact that is to be fetched."""
    return f"{'image ' if artifact.kind == 'image' else ''}{artifact.name} {artifact.version}"
