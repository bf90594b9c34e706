"""What a run is started for: from what health finds to what remediation acts on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from windlass.domain.health import Finding, Kind
from windlass.domain.host.health import HealthReport
from windlass.domain.host.layout import ADDRESS_CONTAINER, VRRP
from windlass.domain.remediation.actions import NeedsOperator
from windlass.errors import WindlassError
from windlass.operation_names import Operation

ACTED_ON = frozenset({Kind.PROCESS_DOWN, Kind.UNIT_DOWN, Kind.NODE_NOT_READY, Kind.ADDON_UNAVAILABLE})
"""Kinds that speak of something that was started and does not do its work: to restart it may help."""
_WAYS_OUT = {
    Kind.NETWORK_CUT: "fix the network between the hosts; nothing on the host itself is touched",
    Kind.DISK_FULL: "free some room there, or give it more",
    Kind.CLOCK_OFF: "set the clock, and see that a time service runs on the host",
    Kind.AUTHORITY_EXPIRING: f"move the cluster to a new authority: trigger `{Operation.ROTATE}`",
    Kind.VIRTUAL_ADDRESS: f"let IP protocol {VRRP} pass between control-plane hosts; "
    f"see `docker logs {ADDRESS_CONTAINER}`",
    Kind.BACKUP_OLD: f"see the last runs of `{Operation.BACK_UP}`",
}
"""Kinds that remediation can do nothing about: people are notified, once, and once that it is over."""
LASTING = timedelta(minutes=10)
"""After this people are notified of any trouble: remediation has not ended it, whatever it did about it."""
FRESH = timedelta(minutes=5)
"""A status in the store that is older than this says nothing about now."""
_LASTS = "remediation has not ended it; see the service log for what it did, then look on the host"


def reports_of(findings: Iterable[Finding]) -> dict[str, HealthReport]:
    """Return what the monitor calls unhealthy, by `host/component`; a cut network says nothing of a process."""
    found = [
        HealthReport(
            one.host,
            "kubelet" if one.kind is Kind.NODE_NOT_READY else one.component,
            one.failed_checks,
            one.seen_from,
            one.since,
        )
        for one in findings
        if one.kind in ACTED_ON and not one.is_over
    ]
    return {report.key: report for report in found}


def notices_of(findings: Iterable[Finding], now: datetime) -> tuple[NeedsOperator, ...]:
    """Return what people must be notified of: remediation can do nothing about it, or has not ended it by `now`."""
    return tuple(
        NeedsOperator(
            f"{one.host or '-'}/{one.component} {one.kind.value}", _said(one), _WAYS_OUT.get(one.kind, _LASTS)
        )
        for one in findings
        if not one.is_over and (one.kind in _WAYS_OUT or _lasts(one, now))
    )


def _lasts(finding: Finding, now: datetime) -> bool:
    # Of a host that does not answer the run itself notifies people.
    return finding.kind is not Kind.HOST_DOWN and now - finding.since > LASTING


@dataclass(frozen=True)
class MonitorReports:
    """What the monitor says at one time: what may be acted on, and what people must be notified of."""

    reports: Mapping[str, HealthReport]
    notices: tuple[NeedsOperator, ...]


def monitor_reports(findings: Iterable[Finding], now: datetime) -> MonitorReports:
    """Return what all findings that are open say together."""
    found = tuple(findings)
    return MonitorReports(reports_of(found), notices_of(found, now))


@dataclass(frozen=True)
class RunRequest:
    """What a run was started for, and by whom."""

    began: datetime
    findings: tuple[Finding, ...] = ()
    """Those that the events carry which started the run."""
    only: str = ""
    """The id of the one finding that the run is about; empty if it is about all."""
    by_person: bool = False


def findings_of(request: RunRequest, status: Mapping[str, Any] | None, now: datetime) -> tuple[Finding, ...]:
    """Return what the run is about: what started it, and what the monitor's `status` in the store says besides."""
    found = {one.id: one for one in (*open_findings(status, now), *request.findings)}
    return tuple(one for one in found.values() if not request.only or one.id == request.only)


def newer_reports(
    request: RunRequest, before: Mapping[str, Any] | None, status: Mapping[str, Any] | None, now: datetime
) -> MonitorReports | None:
    """Return what `status` says; None if that is still the one `before` the run, or the run is about one finding."""
    if request.only or (status or {}).get("observed") == (before or {}).get("observed"):
        return None
    return monitor_reports(open_findings(status, now), now)


def open_findings(status: Mapping[str, Any] | None, now: datetime) -> tuple[Finding, ...]:
    """Return the findings of a status; none if it is old, since then it says nothing about now, or is not readable."""
    if status is None:
        return ()
    try:
        age = now - datetime.fromisoformat(status["observed"])
        return tuple(Finding.from_dict(one) for one in status["findings"]) if age < FRESH else ()
    except (KeyError, TypeError, ValueError, WindlassError):
        return ()


def finding_line(finding: Finding) -> str:
    """Return the line of the task's log on one finding."""
    word = "over" if finding.is_over else "found"
    return f"{word}: {finding.component} on {finding.host or '-'}: {finding.kind.value}: {finding.evidence}"


def _said(finding: Finding) -> str:
    where = f" on {finding.host}" if finding.host else ""
    return f"{finding.component}{where}: {finding.kind.value.replace('_', ' ')}: {finding.evidence}"
