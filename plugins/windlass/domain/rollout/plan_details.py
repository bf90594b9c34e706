"""What a plan has to say beyond its lines: what differs of a host's contents, and which of its parts are touched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from windlass.domain.host.desired import DesiredService, read_services
from windlass.domain.host.drift import HostDrift, ServiceDrift
from windlass.domain.host.file_drift import FileDrift
from windlass.domain.host.layout import CLUSTER_MARK, stack_directory
from windlass.domain.pki.compare import certificate_difference
from windlass.domain.rollout.content_diff import file_difference, new_file, service_difference
from windlass.domain.rollout.masking import is_secret_place
from windlass.domain.rollout.plan import HostState
from windlass.domain.rollout.stale import CERTIFICATES, part_of_file

_COMPOSE = "compose.yaml"


@dataclass(frozen=True)
class PlanDetails:
    """What belongs to the lines of a plan."""

    lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What differs, by the line of a step that it belongs to. No secret is in it, and each entry is bounded."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """The digests of what will be written, by host and path or component. For the plan's own digest, never shown."""
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What of each host changes, as `HostState.stale` names it."""

    def with_lines(self, lines: Mapping[str, Sequence[str]]) -> PlanDetails:
        """Return the same with what belongs to other lines, such as those of objects of the cluster."""
        return PlanDetails({**self.lines, **{key: tuple(one) for key, one in lines.items()}}, self.contents, self.parts)


@dataclass(frozen=True)
class HostContents:
    """The contents of what differs on one host: as read from it, and as it shall be. Both may hold secrets."""

    old: Mapping[str, bytes | None] = field(repr=False)
    """By path; None where there is no file. A path that is missing was not read."""
    new: Mapping[str, bytes] = field(repr=False)
    is_new_host: bool = False
    """Whether nothing of this cluster lies on it yet."""


def paths_to_read(drift: HostDrift) -> tuple[str, ...]:
    """Return the files of a host whose content a plan compares: those that differ and are no secret.

    Of certificates only the public part is read: what ends in `.crt`.
    """
    stacks = {f"{stack_directory(one.service.stack)}/{_COMPOSE}" for one in drift.services if one.is_other_rendering}
    files = {one.path for one in drift.files if one.content and not is_secret_place(one.path)}
    certificates = {one.path for one in drift.certificates if one.content and one.path.endswith(".crt")}
    return tuple(sorted(stacks | files | certificates | {CLUSTER_MARK}))


def together(states: Mapping[str, HostState], details: Mapping[str, HostDetails]) -> PlanDetails:
    """Return what belongs to the lines of a plan by the states that it was made from."""
    lines: dict[str, tuple[str, ...]] = {}
    for host, found in details.items():
        for part, told in found.parts.items():
            if told and part in states[host].stale:
                lines[f"{host}: {states[host].stale[part]}"] = told
    contents = {f"{host}:{name}": digest for host, found in details.items() for name, digest in found.contents.items()}
    return PlanDetails(lines, contents, {host: tuple(state.stale) for host, state in states.items()})


@dataclass(frozen=True)
class HostDetails:
    """What differs on one host, by part as `HostState.stale` names them, and the digests of what will be written."""

    parts: Mapping[str, tuple[str, ...]]
    contents: Mapping[str, str]


def host_details(drift: HostDrift, found: HostContents) -> HostDetails:
    """Return what differs on one host, in lines for people."""
    parts: dict[str, list[str]] = {}
    for service in drift.services:
        if service.is_other_rendering:
            part = f"{service.service.stack}/{service.service.component}"
            parts.setdefault(part, []).extend(_service(service, found))
    for unit in drift.units:
        reasons = [] if any(one.path in unit.unit.files for one in drift.files) else [str(unit)]
        parts.setdefault(unit.unit.component, []).extend(reasons)
    for file in drift.files:
        if file.content and not file.path.endswith(f"/{_COMPOSE}"):
            parts.setdefault(part_of_file(drift, file.path), []).extend(_file(file, found))
    for file in drift.certificates:
        if file.content:
            parts.setdefault(CERTIFICATES, []).extend(_certificate(file, found))
    return HostDetails({part: tuple(lines) for part, lines in parts.items()}, dict(_digests(drift, found)))


def _service(drift: ServiceDrift, found: HostContents) -> Iterator[str]:
    """Yield why a service starts again, and how what it is made from changes."""
    path = f"{stack_directory(drift.service.stack)}/{_COMPOSE}"
    told = [one for one in (drift.state, *drift.differs) if one and one != "it was made from another rendering"]
    yield from (f"now: {one}" for one in told)
    old = _services(drift.service.stack, found.old.get(path)).get(drift.service.component)
    yield from service_difference(old.definition if old else None, drift.service.definition)


def _services(stack: str, compose: bytes | None) -> Mapping[str, DesiredService]:
    """Return the services of a Compose file that lies on a host; none if it is not one of Windlass's."""
    try:
        return read_services(stack, (compose or b"services: {}").decode())
    except (yaml.YAMLError, UnicodeDecodeError, LookupError, TypeError, AttributeError):
        return {}


def _file(drift: FileDrift, found: HostContents) -> Iterator[str]:
    yield f"{drift.path}:"
    if is_secret_place(drift.path):
        yield "its content is secret: it differs"
    elif drift.path in found.new:
        old, new = found.old.get(drift.path), found.new[drift.path]
        yield from new_file(new) if found.is_new_host and old is None else file_difference(drift.path, old, new)


def _certificate(drift: FileDrift, found: HostContents) -> Iterator[str]:
    """Yield what is to be known of a certificate; of keys and kubeconfigs only that they differ."""
    if drift.path.endswith(".crt"):
        told = certificate_difference(found.old.get(drift.path), found.new.get(drift.path))
        yield f"{drift} ({told})" if told else str(drift)
    else:
        yield f"{drift}; its content is secret"


def _digests(drift: HostDrift, found: HostContents) -> Iterator[tuple[str, str]]:
    for service in drift.services:
        if service.is_other_rendering:
            yield service.service.component, service.service.digest
    for file in (*drift.files, *drift.certificates):
        if file.content and file.path in found.new:
            yield file.path, hashlib.sha256(found.new[file.path]).hexdigest()
