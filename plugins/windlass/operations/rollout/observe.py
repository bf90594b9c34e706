"""Observe hosts for a rollout: how they are, and what of them has to change; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from windlass.domain.host.drift import HostDrift
from windlass.domain.host.facts import HostFacts
from windlass.domain.host.file_drift import FileState, Unknown
from windlass.domain.host.layout import DOCKER_DAEMON
from windlass.domain.host.observed import ObservedHost
from windlass.domain.pki import Pki, desired_certificates
from windlass.domain.rendering import HostFiles, render_host
from windlass.domain.rollout import HostState
from windlass.domain.rollout.hooks import HOOKS, HOOKS_MARK, hooks_due
from windlass.domain.rollout.stale import host_state
from windlass.domain.spec.models import Host
from windlass.domain.spec.references import ON_HOSTS
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import HostOutcome
from windlass.operations.cluster import ClusterSession
from windlass.operations.compare_host import compare_host


@dataclass(frozen=True)
class InspectedHost:
    """A host as it is, and what of it has to change."""

    observed: ObservedHost
    state: HostState
    drift: HostDrift


def observe_hosts(
    session: ClusterSession, pki: Pki | None, hosts: Iterable[Host] | None = None
) -> dict[str, HostOutcome[InspectedHost]]:
    """Observe `hosts`, or all, side by side; the outcome of each says why one could not be observed."""
    return session.observe_on_hosts(
        session.hosts if hosts is None else hosts, lambda host, connection: observe_host(session, pki, host, connection)
    )


def observe_host(session: ClusterSession, pki: Pki | None, host: Host, connection: Connection) -> InspectedHost:
    """Observe one host, and compare it with what belongs on it; without a PKI its certificates are left out."""
    certificates = desired_certificates(session.cluster, host, pki) if pki is not None else {}
    found = compare_host(session, host, connection, certificates)
    state = host_state(found.drift)
    mark = found.observed.files.get(HOOKS_MARK, Unknown())
    due = hooks_due(session.cluster, mark.sha256 if isinstance(mark, FileState) else None)
    state = replace(state, stale={**state.stale, HOOKS: due}) if due else state
    return InspectedHost(found.observed, state, found.drift)


def drifted_parts(old: Mapping[str, InspectedHost], new: Mapping[str, InspectedHost]) -> dict[str, tuple[str, ...]]:
    """Return what of each host is neither as the old spec nor as the new one has it; due hooks are no drift."""
    return {
        name: tuple(part for part in old[name].state.stale if part in look.state.stale and part != HOOKS)
        for name, look in new.items()
        if name in old
    }


def rendered_files(session: ClusterSession, host: Host, facts: HostFacts) -> HostFiles:
    """Return the files that a host should have, without those that it shares with its owner."""
    files = render_host(session.revealed(*ON_HOSTS), session.release, host, session.lock, session.mirror, facts)
    return {path: file for path, file in files.items() if path != DOCKER_DAEMON}
