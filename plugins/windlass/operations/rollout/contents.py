"""Read what a rollout will change, for its plan to show what differs; nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping

from windlass.domain.host.drift import HostDrift
from windlass.domain.host.layout import DOCKER_DAEMON, DOCKER_PROXY, OWN_PARAMETERS
from windlass.domain.pki import Pki, files_for
from windlass.domain.rendering import merge_daemon_settings, render_host
from windlass.domain.rendering.machine_settings import own_paths
from windlass.domain.rollout.plan_details import (
    HostContents,
    HostDetails,
    PlanDetails,
    host_details,
    paths_to_read,
    together,
)
from windlass.domain.rollout.step import HostState
from windlass.domain.spec.models import Host
from windlass.domain.spec.references import ON_HOSTS
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import values
from windlass.operations.cluster import ClusterSession
from windlass.operations.rollout.observe import InspectedHost


def plan_details(
    session: ClusterSession, pki: Pki, observed: Mapping[str, InspectedHost], states: Mapping[str, HostState]
) -> PlanDetails:
    """Return what belongs to the lines of a plan made from `states`; only hosts that differ are asked anything.

    On a host that has nothing of the cluster yet all is written by the spec, and there is nothing to compare.
    """
    name = session.cluster.name
    there = {host: found for host, found in observed.items() if found.observed.facts.cluster == name}
    changed = [host for host in session.hosts if host.name in there and _differs(there[host.name].drift)]

    def compare(host: Host, connection: Connection) -> HostDetails:
        found = observed[host.name]
        return host_details(found.drift, _contents(session, pki, host, found, connection))

    return together(states, values(session.observe_on_hosts(changed, compare), "read what differs"))


def _differs(drift: HostDrift) -> bool:
    return bool(drift.files or drift.services or drift.units or drift.certificates)


def _contents(
    session: ClusterSession, pki: Pki, host: Host, found: InspectedHost, connection: Connection
) -> HostContents:
    """Read what differs on a host, and render what it shall be."""
    old = {path: connection.read(path) for path in paths_to_read(found.drift)}
    facts = found.observed.facts
    rendered = render_host(session.revealed(*ON_HOSTS), session.release, host, session.lock, session.mirror, facts)
    new = {path: file.content for path, file in rendered.items()}
    if DOCKER_DAEMON in old:
        before = old[DOCKER_DAEMON]
        merged = merge_daemon_settings(before.decode() if before is not None else None, rendered[DOCKER_DAEMON].text)
        new[DOCKER_DAEMON] = merged.encode()
    if found.drift.certificates:
        new |= {path: file.content for path, file in files_for(session.cluster, host, pki).items()}
    own = own_paths(session.cluster, host) - {OWN_PARAMETERS, DOCKER_PROXY}
    return HostContents(old, new, session.fingerprint, own)
