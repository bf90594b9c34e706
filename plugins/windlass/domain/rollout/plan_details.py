"""What a plan has to say beyond its lines: what differs of a host's contents, and which of its parts are touched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import yaml

from windlass.domain.host.desired import DesiredService, read_services
from windlass.domain.host.drift import HostDrift, ServiceDrift
from windlass.domain.host.file_drift import FileDrift
from windlass.domain.host.layout import STACKS, stack_directory
from windlass.domain.masking import is_secret_place
from windlass.domain.pki.compare import certificate_difference, certificate_identity
from windlass.domain.rendering.stacks import OWN_STACKS
from windlass.domain.rollout.content_diff import file_difference, image_difference, service_difference
from windlass.domain.rollout.stale import CERTIFICATES, part_of_file, part_of_unit
from windlass.domain.rollout.step import HostState
from windlass.domain.spec.private import Fingerprint, no_fingerprint
from windlass.errors import MALFORMED

_COMPOSE, _CERTIFICATE, _KEY = "compose.yaml", ".crt", ".key"

Lines = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class PlanDetails:
    """What belongs to the lines of a plan. No secret is in it, and each entry is bounded."""

    lines: Lines = field(default_factory=dict)
    """What differs, by the line of a step that it belongs to."""
    remarks: Lines = field(default_factory=dict)
    """What is so at the moment, by line: why something starts again, until when certificates are valid."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """The digests of what will be written, by host and path or component. For the plan's own digest, never shown."""
    parts: Lines = field(default_factory=dict)
    """What of each host changes, as `HostState.stale` names it."""

    def with_lines(self, lines: Mapping[str, Sequence[str]]) -> PlanDetails:
        """Return the same with what belongs to other lines, such as those of objects of the cluster."""
        return replace(self, lines={**self.lines, **{line: tuple(told) for line, told in lines.items()}})


@dataclass(frozen=True)
class HostContents:
    """The contents of what differs on one host: as read from it, and as it shall be. Both may hold secrets."""

    old: Mapping[str, bytes | None] = field(repr=False)
    """By path; None where there is no file. A path that is missing was not read."""
    new: Mapping[str, bytes] = field(repr=False)
    fingerprint: Fingerprint = no_fingerprint
    """Tells contents apart that are not shown."""
    private: frozenset[str] = frozenset()
    """Paths of files that are the writer's own, of which no content is shown."""


@dataclass(frozen=True)
class HostDetails:
    """What `PlanDetails` says, of one host, by part as `HostState.stale` names them."""

    lines: Lines
    remarks: Lines
    contents: Mapping[str, str]


def paths_to_read(drift: HostDrift) -> tuple[str, ...]:
    """Return the files of a host whose content a plan compares: those that differ and are no secret.

    Of certificates only the public part is read: what ends in `.crt`.
    """
    stacks = {f"{stack_directory(one.service.stack)}/{_COMPOSE}" for one in drift.services if one.is_other_rendering}
    files = {one.path for one in drift.files if one.content and not is_secret_place(one.path)}
    certificates = {one.path for one in drift.certificates if one.content and one.path.endswith(_CERTIFICATE)}
    return tuple(sorted(stacks | files | certificates))


def together(states: Mapping[str, HostState], details: Mapping[str, HostDetails]) -> PlanDetails:
    """Return what belongs to the lines of a plan by the states that it was made from."""
    lines: dict[str, tuple[str, ...]] = {}
    remarks: dict[str, tuple[str, ...]] = {}
    for host, found in details.items():
        for kept, by_part in ((lines, found.lines), (remarks, found.remarks)):
            for part, told in by_part.items():
                if told and part in states[host].stale:
                    kept[f"{host}: {states[host].stale[part]}"] = told
    contents = {f"{host}:{name}": digest for host, found in details.items() for name, digest in found.contents.items()}
    return PlanDetails(lines, remarks, contents, {host: tuple(state.stale) for host, state in states.items()})


def host_details(drift: HostDrift, found: HostContents) -> HostDetails:
    """Return what differs on one host, in lines for people."""
    lines: dict[str, list[str]] = {}
    remarks: dict[str, list[str]] = {}
    for service in drift.services:
        if service.is_other_rendering:
            part, changes = f"{service.service.stack}/{service.service.component}", _service(service, found)
            lines.setdefault(part, []).extend(changes)
            reasons = [service.state, *(() if changes else service.differs)]
            remarks.setdefault(part, []).extend(f"now: {one}" for one in reasons if one)
        elif service.reads:
            remarks.setdefault(f"{service.service.stack}/{service.service.component}", []).append(service.reads)
    for file in drift.files:
        if file.content and not file.path.endswith(f"/{_COMPOSE}"):
            lines.setdefault(part_of_file(drift, file.path), []).extend(_file(file, found))
    for unit in drift.units:
        part = part_of_unit(drift, unit)
        if part not in lines:
            remarks.setdefault(part, []).append(f"now: {unit}")
    certificates = [_certificate(file, found) for file in drift.certificates if file.content]
    return HostDetails(
        {part: tuple(told) for part, told in lines.items()},
        {part: tuple(told) for part, told in {**remarks, CERTIFICATES: certificates}.items()},
        dict(_contents(drift, found)),
    )


def _service(drift: ServiceDrift, found: HostContents) -> tuple[str, ...]:
    """Return how what a service is made from changes."""
    path = f"{stack_directory(drift.service.stack)}/{_COMPOSE}"
    compose = found.old.get(path)
    old = _services(drift.service.stack, compose).get(drift.service.component)
    if drift.service.stack not in OWN_STACKS:
        image = image_difference(old.definition, drift.service.definition) if old else ()
        return (*image, _change(compose, found.new.get(path), found.fingerprint)) if old else ()
    return service_difference(old.definition if old else None, drift.service.definition)


def _services(stack: str, compose: bytes | None) -> Mapping[str, DesiredService]:
    """Return the services of a Compose file that lies on a host; none if it is not one of Windlass's."""
    try:
        return read_services(stack, (compose or b"services: {}").decode())
    except (yaml.YAMLError, *MALFORMED):
        return {}


def _file(drift: FileDrift, found: HostContents) -> Iterator[str]:
    yield f"{drift.path}:"
    if is_secret_place(drift.path):
        yield "its content is secret: it differs"
    elif drift.path in found.new and (drift.path in found.private or _is_of_users_stack(drift.path)):
        yield _change(found.old.get(drift.path), found.new[drift.path], found.fingerprint)
    elif drift.path in found.new:
        yield from file_difference(drift.path, found.old.get(drift.path), found.new[drift.path])


def _is_of_users_stack(path: str) -> bool:
    """Tell whether a file is of one of the user's stacks: the spec's answers stand in it, whatever it is called."""
    return path.startswith(f"{STACKS}/") and path.removeprefix(f"{STACKS}/").partition("/")[0] not in OWN_STACKS


def _change(old: bytes | None, new: bytes | None, fingerprint: Fingerprint) -> str:
    told = ("absent" if one is None else fingerprint(one.decode(errors="replace")) for one in (old, new))
    return f"content {' -> '.join(told)}"


def _certificate(drift: FileDrift, found: HostContents) -> str:
    """Return what is to be known of a certificate; of keys and kubeconfigs only that they differ."""
    if not drift.path.endswith(_CERTIFICATE):
        return f"{drift}; its content is secret"
    told = certificate_difference(found.old.get(drift.path), found.new.get(drift.path))
    return f"{drift} ({told})" if told else str(drift)


def _contents(drift: HostDrift, found: HostContents) -> Iterator[tuple[str, str]]:
    """Yield the digests of what will be written.

    A certificate with a key of its own counts by what it says. One that is still to be issued has another content in
    each plan, and so has its key.
    """
    for service in drift.services:
        if service.is_other_rendering:
            yield service.service.component, service.service.digest
    for file in (*drift.files, *drift.certificates):
        stem = file.path.removesuffix(_CERTIFICATE).removesuffix(_KEY)
        content = found.new.get(file.path)
        is_pair = f"{stem}{_CERTIFICATE}" in found.new and f"{stem}{_KEY}" in found.new
        if content is None or not file.content or (is_pair and file.path.endswith(_KEY)):
            continue
        yield file.path, certificate_identity(content) if is_pair else hashlib.sha256(content).hexdigest()
