"""Look at hosts for a roll: what runs there, and how it differs from what is wanted; nothing is changed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from windlass.domain.host.facts import HostFacts
from windlass.domain.host.file_drift import FileDrift, FileState, desired_files, find_file_drift
from windlass.domain.host.layout import (
    CNI_BINARIES,
    COMPONENT_LABEL,
    CONTAINERD_CONFIG,
    CONTAINERD_SOCKET,
    DIGEST_LABEL,
    DOCKER_DAEMON,
    DOCKER_PLUGINS,
    KUBELET_CONFIG,
    STACKS,
    SYSTEMD,
    VERSION_LABEL,
    artifact_directory,
)
from windlass.domain.pki import Pki, desired_certificates
from windlass.domain.rendering import HostFiles, host_images, host_installs, render_host
from windlass.domain.rollout import HostState
from windlass.domain.rollout.hooks import HOOKS, HOOKS_MARK, hooks_due
from windlass.domain.scripts.apply import unit_state_script
from windlass.domain.scripts.install import content_directory
from windlass.domain.spec.models import Host
from windlass.domain.yamltext import read_yaml
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import HostOutcome
from windlass.operations.apply.gather_facts import gather_facts
from windlass.operations.apply.prepare import CONTAINERD, containerd_reads, desired_installs
from windlass.operations.apply.start import kubelet_reads
from windlass.operations.cluster import ClusterSession

_TIMEOUT = timedelta(seconds=30)
_KUBELET_UNIT = f"{SYSTEMD}/kubelet.service"
_CONTAINERD_UNIT = f"{SYSTEMD}/{CONTAINERD}.service"
_COMPOSE = "compose.yaml"
_SHARED = (CNI_BINARIES, DOCKER_PLUGINS)
"""Where programs are found by a path without a version in it."""


@dataclass(frozen=True)
class RunningService:
    """One container of a stack, running or wanted."""

    version: str
    digest: str


@dataclass(frozen=True)
class HostInspection:
    """What one host says of what runs on it."""

    facts: HostFacts
    services: Mapping[str, RunningService]
    """Running containers by component."""
    units: frozenset[str]
    """Units that run with what lies on the host."""
    versions: Mapping[str, str]
    """Version that each unit's own file names."""
    images: frozenset[str]
    """References that are there, of those asked for."""
    links: Mapping[str, str]
    """Where each program's path leads."""


@dataclass(frozen=True)
class InspectedHost:
    """What was seen of a host, and how that differs from what is wanted."""

    seen: HostInspection
    state: HostState


def observe_hosts(session: ClusterSession, pki: Pki | None) -> dict[str, HostOutcome[InspectedHost]]:
    """Look at all hosts side by side; the outcome of each says why one could not be looked at."""
    return session.look_on_hosts(session.hosts, lambda host, connection: observe_host(session, pki, host, connection))


def observe_host(session: ClusterSession, pki: Pki | None, host: Host, connection: Connection) -> InspectedHost:
    """Look at one host, and compare it with what the site wants of it."""
    seen = see(session, host, connection)
    files = rendered_files(session, host, seen.facts)
    certificates = desired_certificates(session.cluster, host, pki) if pki is not None else {}
    observed = connection.stat([*files, *certificates, HOOKS_MARK])
    stale = dict(_stale(session, host, seen, files, find_file_drift(desired_files(files), observed)))
    drift = find_file_drift(certificates, observed)
    if drift:
        stale["certificates"] = _certificates(drift)
    if host.is_node and _changed(drift) & set(kubelet_reads(session.release.version)[0]):
        stale.setdefault("kubelet", "kubelet started anew")
    mark = observed[HOOKS_MARK]
    if due := hooks_due(session.cluster, mark.sha256 if isinstance(mark, FileState) else None):
        stale[HOOKS] = due
    return InspectedHost(seen, HostState(stale, tuple(_missing(session, host, seen))))


def drifted_parts(old: Mapping[str, InspectedHost], new: Mapping[str, InspectedHost]) -> dict[str, tuple[str, ...]]:
    """Return what of each host is neither as the old spec nor as the new one has it; due hooks are no drift."""
    return {
        name: tuple(part for part in old[name].state.stale if part in look.state.stale and part != HOOKS)
        for name, look in new.items()
        if name in old
    }


def rendered_files(session: ClusterSession, host: Host, facts: HostFacts) -> HostFiles:
    """Return the files that a host should have, without those that it shares with its owner."""
    files = render_host(session.cluster, session.release, host, session.lock, session.mirror, facts)
    return {path: file for path, file in files.items() if path != DOCKER_DAEMON}


def _changed(drift: Iterable[FileDrift]) -> set[str]:
    """Return the files of which those who have read them have not read what is desired."""
    return {one.path for one in drift if not one.is_access_only}


def _certificates(drift: Sequence[FileDrift]) -> str:
    changed = _changed(drift)
    return "certificates: " + ", ".join(
        [*([f"{len(changed)} files"] if changed else []), *(str(one) for one in drift if one.is_access_only)]
    )


def _stale(
    session: ClusterSession, host: Host, seen: HostInspection, files: HostFiles, drift: Sequence[FileDrift]
) -> Iterator[tuple[str, str]]:
    changed = _changed(drift)
    rest = {one.path: str(one) if one.is_access_only else one.path for one in drift}
    for path, file in files.items():
        if path.startswith(f"{STACKS}/") and path.endswith(f"/{_COMPOSE}"):
            stack = path.split("/")[-2]
            found = dict(_stale_services(stack, file.text, seen))
            if found:
                rest = {other: told for other, told in rest.items() if not other.startswith(f"{STACKS}/{stack}/")}
            yield from found.items()
    if host.is_node:
        units = {
            CONTAINERD: ("containerd", {_CONTAINERD_UNIT, CONTAINERD_CONFIG}, session.release.files["containerd"]),
            "kubelet": ("kubelet", {_KUBELET_UNIT, KUBELET_CONFIG}, session.release.version),
        }
        for unit, (part, reads, version) in units.items():
            if unit not in seen.units or reads & changed:
                yield part, _told(part, seen.versions.get(part), version, is_running=unit in seen.units)
                rest = {other: told for other, told in rest.items() if other not in reads}
    links = dict(_shared_links(session, host))
    if any(seen.links.get(path) != target for path, target in links.items()):
        yield "programs", "programs linked anew"
    if rest:
        yield "files", f"files: {', '.join(rest[path] for path in sorted(rest))}"


def _stale_services(stack: str, compose: str, seen: HostInspection) -> Iterator[tuple[str, str]]:
    for component, desired in services_of(compose).items():
        running = seen.services.get(component)
        if running is None or running.digest != desired.digest:
            old = running.version if running else None
            yield f"{stack}/{component}", _told(component, old, desired.version, is_running=running is not None)


def _told(what: str, old: str | None, new: str, *, is_running: bool) -> str:
    if old is not None and old != new:
        return f"{what} {old} -> {new}"
    return f"{what} started anew" if is_running else f"{what} started"


def services_of(compose: str) -> dict[str, RunningService]:
    """Return version and digest of each component in a rendered Compose file."""
    labels = [service["labels"] for service in read_yaml(compose)["services"].values()]
    return {one[COMPONENT_LABEL]: RunningService(str(one.get(VERSION_LABEL, "")), one[DIGEST_LABEL]) for one in labels}


def _missing(session: ClusterSession, host: Host, seen: HostInspection) -> Iterator[str]:
    for install in desired_installs(session, host, seen.facts):
        directory = content_directory(session.lock.digest(install.artifact)).rpartition("/")[2]
        if directory not in seen.facts.artifacts:
            yield f"{install.artifact.name} {install.artifact.version}"
    for image in host_images(session.cluster, session.release, host, session.lock, session.mirror):
        if image.reference not in seen.images:
            yield f"image {image.artifact.name} {image.artifact.version}"


def _shared_links(session: ClusterSession, host: Host) -> Iterator[tuple[str, str]]:
    for install in host_installs(session.release, host):
        directory = content_directory(session.lock.digest(install.artifact))
        for inner, path in install.links:
            if path.startswith(_SHARED):
                yield path, f"{directory}/{inner or session.mirror.download(install.artifact).member or 'file'}"


def see(session: ClusterSession, host: Host, connection: Connection) -> HostInspection:
    """Ask a host what runs on it."""
    facts = gather_facts(connection)
    result = connection.run(["sh", "-s"], sudo=True, stdin=_look_script(session, host).encode(), timeout=_TIMEOUT)
    lines: dict[str, list[list[str]]] = {}
    for line in result.stdout.splitlines():
        key, *words = line.split(" ")
        lines.setdefault(key, []).append(words)
    return HostInspection(
        facts,
        services={
            name: RunningService(version, digest)
            for name, version, digest in (words[0].split("|") for words in lines.get("service", []))
        },
        units=frozenset(words[0] for words in lines.get("unit", [])),
        versions=dict(_pair(words) for words in lines.get("version", [])),
        images=frozenset(words[0] for words in lines.get("image", [])),
        links=dict(_pair(words) for words in lines.get("link", [])),
    )


def _pair(words: list[str]) -> tuple[str, str]:
    """Read a name and a value; a value that could not be told is empty."""
    return words[0], " ".join(words[1:])


def _look_script(session: ClusterSession, host: Host) -> str:
    labels = "|".join(f'{{{{.Label "{name}"}}}}' for name in (COMPONENT_LABEL, VERSION_LABEL, DIGEST_LABEL))
    filters = f"--filter label={COMPONENT_LABEL} --filter status=running"
    lines = [f"docker ps {filters} --format {shlex.quote(f'service {labels}')} 2>/dev/null"]
    images = host_images(session.cluster, session.release, host, session.lock, session.mirror)
    desired = [shlex.quote(one.reference) for one in images if one.runtime == "docker"]
    lines += [f"docker image inspect {image} >/dev/null 2>&1 && echo image {image}" for image in desired]
    links = [path for path, _ in _shared_links(session, host)]
    lines += [f'[ ! -L {path} ] || echo "link {path} $(readlink {path})"' for path in links]
    if host.is_node:
        lines += _node_lines(session)
    return "\n".join([*lines, "true"]) + "\n"


def _node_lines(session: ClusterSession) -> list[str]:
    ctr = f"{artifact_directory('containerd', session.release.files['containerd'])}/bin/ctr"
    listed = f"$(command -v {ctr} || ls /opt/windlass/containerd/*/bin/ctr 2>/dev/null | tail -n 1)"
    scripts = [
        unit_state_script("kubelet", *kubelet_reads(session.release.version)),
        unit_state_script(CONTAINERD, *containerd_reads(session.release)),
    ]
    units = "\n".join(f"( {script}) | sed 's/^/unit /'" for script in scripts)
    version = r"s|^ExecStart=/opt/windlass/\(v[^/]*\)/bin/kubelet.*|version kubelet \1|p"
    runtime = r"s|^ExecStart=/opt/windlass/containerd/\([^/]*\)/bin/containerd.*|version containerd \1|p"
    return [
        f"{listed} -a {CONTAINERD_SOCKET} -n k8s.io images ls -q 2>/dev/null | sed 's/^/image /'",
        units,
        f"sed -n '{version}' {_KUBELET_UNIT} 2>/dev/null",
        f"sed -n '{runtime}' {_CONTAINERD_UNIT} 2>/dev/null",
    ]
