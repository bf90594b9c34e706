"""Detect drift: compare each host with what belongs on it."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from windlass.domain.host.drift import HostDrift
from windlass.domain.host.file_drift import find_file_drift
from windlass.domain.pki import Pki, desired_certificates, issue_pki
from windlass.domain.remediation import ClusterHealth, HostHealth
from windlass.domain.remediation.drift import with_drift
from windlass.domain.spec.models import Host
from windlass.errors import IntegrityError, SpecError
from windlass.operations.apply.gather_facts import gather_facts
from windlass.operations.compare_host import compare_host
from windlass.operations.remediation.context import RemediationContext
from windlass.operations.remediation.observe import side_by_side

log = logging.getLogger(__name__)
_PATIENCE = timedelta(seconds=40)


def detect_drift(work: RemediationContext, seen: ClusterHealth) -> ClusterHealth:
    """Return what was seen with all that differs from what was rendered; hosts that do not answer stay as they are.

    IntegrityError if a host knows a newer store: nothing of an older one is brought to any host.
    """
    renewed = issue_pki(work.session.cluster, seen.at, work.keys)
    marks: dict[str, str | None] = {}
    able = {host.name: host for host in seen.hosts if host.is_reachable and not _is_engine_unhealthy(host)}

    def one(name: str) -> HostHealth:
        host = next(host for host in work.session.hosts if host.name == name)
        return _compare(work, able[name], host, renewed, marks)

    found = side_by_side(able, one, _PATIENCE)
    for name, mark in marks.items():
        work.check_host(name, mark)
    hosts = tuple(result if isinstance(result := found.get(host.name), HostHealth) else host for host in seen.hosts)
    return replace(seen, hosts=hosts)


def _is_engine_unhealthy(host: HostHealth) -> bool:
    return any(unit.unit == "docker" and unit.health != "healthy" for unit in host.units)


def _compare(
    work: RemediationContext, seen: HostHealth, host: Host, renewed: Pki, marks: dict[str, str | None]
) -> HostHealth:
    session, connection = work.session, work.session.connections.get(host.name)
    certificates = desired_certificates(session.cluster, host, work.keys, renewed)
    try:
        facts = gather_facts(connection)
        marks[host.name] = facts.store_marks
        return with_drift(seen, compare_host(session, host, connection, certificates, facts).drift)
    except (IntegrityError, SpecError) as error:
        # What soon ends is renewed on time even while nobody can say what else should be there; whoever tries to write
        # the files meets the same error, and so it comes to people.
        log.warning("%s: only its certificates are compared: %s", host.name, error)
        drift = find_file_drift(certificates, connection.stat(list(certificates)))
        return replace(with_drift(seen, HostDrift(certificates=drift)), lost_files=(str(error),), is_compared=False)
