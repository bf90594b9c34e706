"""From what health finds to what repair acts on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from windlass.domain.health import Finding, Kind
from windlass.domain.host.health import HealthReport
from windlass.domain.remediation.actions import NeedsOperator
from windlass.operation_names import Operation

ACTED_ON = frozenset({Kind.PROCESS_DOWN, Kind.UNIT_DOWN, Kind.NODE_NOT_READY})
"""Kinds that speak of something that was started and does not do its work: to start it anew may help."""
_WAYS_OUT = {
    Kind.NETWORK_CUT: "mend the network between the hosts; nothing on the host itself is touched",
    Kind.DISK_FULL: "free some room there, or give it more",
    Kind.CLOCK_OFF: "set the clock, and see that a time service runs on the host",
    Kind.BACKUP_OLD: f"see the last runs of `{Operation.BACK_UP}`",
}
"""Kinds that repair can do nothing about: people are told, once, and once that it is over."""
LASTING = timedelta(minutes=10)
"""After this people are told of any trouble: repair has not ended it, whatever it did about it."""
_LASTS = "repair has not ended it; see the service log for what it did, then look on the host"


def reports_of(findings: Iterable[Finding]) -> dict[str, HealthReport]:
    """Return what the watch calls unhealthy, by `host/thing`; a cut network says nothing of a process."""
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
    """Return what people must be told of since repair can do nothing about it, or has not ended it by `now`."""
    return tuple(
        NeedsOperator(
            f"{one.host or '-'}/{one.component} {one.kind.value}", _said(one), _WAYS_OUT.get(one.kind, _LASTS)
        )
        for one in findings
        if not one.is_over and (one.kind in _WAYS_OUT or _lasts(one, now))
    )


def _lasts(finding: Finding, now: datetime) -> bool:
    # Of a host that does not answer the run tells by itself.
    return finding.kind is not Kind.HOST_DOWN and now - finding.since > LASTING


@dataclass(frozen=True)
class MonitorReports:
    """What the watch says at one time: what may be acted on, and what people must be told."""

    reports: Mapping[str, HealthReport]
    told: tuple[NeedsOperator, ...]


def monitor_reports(findings: Iterable[Finding], now: datetime) -> MonitorReports:
    """Return what all findings that are open say together."""
    found = tuple(findings)
    return MonitorReports(reports_of(found), notices_of(found, now))


def _said(finding: Finding) -> str:
    where = f" on {finding.host}" if finding.host else ""
    return f"{finding.component}{where}: {finding.kind.value.replace('_', ' ')}: {finding.evidence}"
