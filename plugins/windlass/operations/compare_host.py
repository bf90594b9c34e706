"""Compare a host with what belongs on it, for apply, rollouts and remediation alike; nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from windlass.domain.bounded import read_from
from windlass.domain.host.desired import DesiredHost, desired_host
from windlass.domain.host.drift import HostDrift, find_host_drift
from windlass.domain.host.facts import HostFacts
from windlass.domain.host.file_drift import DesiredFile
from windlass.domain.host.layout import CLUSTER_MARK, DOCKER_DAEMON
from windlass.domain.host.observed import ObservedHost
from windlass.domain.rendering.context import ClusterInputs, HostInputs
from windlass.domain.rollout.hooks import HOOKS_MARK
from windlass.domain.scripts.inspect_host import inspect_host, parse_inspection
from windlass.domain.spec.models import Host
from windlass.domain.spec.references import ON_HOSTS
from windlass.effects.ssh.connection import Connection
from windlass.operations.apply.gather_facts import gather_facts
from windlass.operations.cluster import ClusterSession

_TIMEOUT = timedelta(minutes=1)


@dataclass(frozen=True)
class HostComparison:
    """A host as it is, and how that differs from what belongs on it."""

    observed: ObservedHost
    drift: HostDrift


def compare_host(
    session: ClusterSession,
    host: Host,
    connection: Connection,
    certificates: Mapping[str, DesiredFile] | None,
    facts: HostFacts | None = None,
) -> HostComparison:
    """Inspect one host and compare it; `certificates` is None while none are issued, `facts` where they are known.

    SpecError if the host's own daemon.json is not JSON, so that nobody can say what it should be.
    """
    facts = facts or gather_facts(connection)
    desired = desired_host(_inputs(session, host, facts), certificates, read_text(connection, DOCKER_DAEMON))
    observed = _observe(connection, desired, facts)
    return HostComparison(observed, find_host_drift(desired, observed))


def _observe(connection: Connection, desired: DesiredHost, facts: HostFacts) -> ObservedHost:
    """Find out what a host holds and runs, of what is desired there."""
    files = connection.stat([*desired.all_files, CLUSTER_MARK, HOOKS_MARK])
    said = connection.run_script(inspect_host(desired), timeout=_TIMEOUT).stdout
    return parse_inspection(said, desired.host.name, facts, files)


def read_text(connection: Connection, path: str) -> str | None:
    """Read a text file of a host; None if there is none, IntegrityError if it is no text."""
    content = connection.read(path)
    with read_from(f"{connection.host}: {path}", "fix it or move it away"):
        return content.decode() if content is not None else None


def _inputs(session: ClusterSession, host: Host, facts: HostFacts) -> HostInputs:
    return HostInputs(
        ClusterInputs(session.revealed(*ON_HOSTS), session.release, session.lock, session.mirror), host, facts
    )
