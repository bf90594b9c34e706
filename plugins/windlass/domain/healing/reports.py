"""From what health finds to what repair acts on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from windlass.domain.healing.repairs import Stop
from windlass.domain.healing.seen import Report
from windlass.domain.health import Finding, Kind

ACTED_ON = frozenset({Kind.PROCESS_DOWN, Kind.UNIT_DOWN, Kind.NODE_NOT_READY})
"""Kinds that speak of something that was started and does not do its work: to start it anew may help."""
_WAYS_OUT = {
    Kind.NETWORK_CUT: "mend the network between the hosts; nothing on the host itself is touched",
    Kind.DISK_FULL: "free some room there, or give it more",
    Kind.CLOCK_OFF: "set the clock, and see that a time service runs on the host",
    Kind.BACKUP_OLD: "see the last runs of `etcd_backup`",
}
"""Kinds that repair can do nothing about: people are told, once, and once that it is over."""


def reports_of(findings: Iterable[Finding]) -> dict[str, Report]:
    """Return what the watch calls unhealthy, by `host/thing`; a cut network says nothing of a process."""
    found = [
        Report(
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


def told_of(findings: Iterable[Finding]) -> tuple[Stop, ...]:
    """Return what people must be told of since repair can do nothing about it."""
    return tuple(
        Stop(f"{one.host or '-'}/{one.component} {one.kind.value}", _said(one), _WAYS_OUT[one.kind])
        for one in findings
        if one.kind in _WAYS_OUT and not one.is_over
    )


@dataclass(frozen=True)
class Heard:
    """What the watch says at one time: what may be acted on, and what people must be told."""

    reports: Mapping[str, Report]
    told: tuple[Stop, ...]


def heard_in(findings: Iterable[Finding]) -> Heard:
    """Return what all findings that are open say together."""
    found = tuple(findings)
    return Heard(reports_of(found), told_of(found))


def _said(finding: Finding) -> str:
    where = f" on {finding.host}" if finding.host else ""
    return f"{finding.component}{where}: {finding.kind.value.replace('_', ' ')}: {finding.evidence}"
