"""The audit of a cluster: every control, how it stands on each host, and all of it as text or plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.domain.hardening.control import Control, Outcome, Verdict
from windlass.domain.hardening.control_plane import ACCESS, API, CONTROLLERS, ETCD, FILES
from windlass.domain.hardening.facts import ApiAudit, HostAudit
from windlass.domain.hardening.nodes import NODES
from windlass.domain.hardening.policies import OTHERS, PODS, RIGHTS
from windlass.domain.oneline import printable
from windlass.domain.spec.models import Host

BENCHMARK = "cis-1.12"
CONTROLS: tuple[Control, ...] = (*FILES, *API, *CONTROLLERS, *ETCD, *ACCESS, *NODES, *RIGHTS, *PODS, *OTHERS)
_API = "API"
_WORST = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.EXPLAINED, Outcome.PASS)


@dataclass(frozen=True)
class ControlFinding:
    """How one control stands."""

    control: Control
    verdicts: Mapping[str, Verdict]
    """By host, or `API`; none where it is about what people do, or no host is of its kind."""

    @property
    def outcome(self) -> Outcome:
        """The worst of all places; without any, explained."""
        found = {one.outcome for one in self.verdicts.values()}
        return next((one for one in _WORST if one in found), Outcome.EXPLAINED if self.control.reason else Outcome.PASS)


@dataclass(frozen=True)
class AuditReport:
    """How a cluster stands by the benchmark."""

    cluster: str
    findings: tuple[ControlFinding, ...]

    @property
    def is_good(self) -> bool:
        """Whether every control is met or explained."""
        return all(one.outcome.is_good for one in self.findings)

    @property
    def counts(self) -> dict[str, int]:
        """How many controls stand how."""
        counted = Counter(one.outcome for one in self.findings)
        return {outcome.value: counted[outcome] for outcome in Outcome}

    def value(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "benchmark": BENCHMARK,
            "cluster": self.cluster,
            "counts": self.counts,
            "controls": [_value(one) for one in self.findings],
        }

    def lines(self) -> Iterator[str]:
        """Yield it for people: a line a control, and below it what is wrong where."""
        yield f"cluster `{self.cluster}`, {BENCHMARK}"
        for one in self.findings:
            yield f"{one.outcome.name:<10}{one.control.id:<8}{one.control.title}"
            if one.outcome is Outcome.EXPLAINED:
                yield f"{'':<18}{one.control.reason}"
            for place, verdict in one.verdicts.items():
                if not verdict.outcome.is_good:
                    yield from (printable(f"{'':<18}{place}: {detail}") for detail in verdict.details)
        yield ", ".join(f"{count} {name}" for name, count in self.counts.items())


def audit(cluster: str, hosts: Sequence[Host], told: Mapping[str, HostAudit | str], api: ApiAudit | str) -> AuditReport:
    """Judge what was told; a host or the API that did not answer is told of by the reason, and unknown."""
    return AuditReport(cluster, tuple(ControlFinding(one, dict(_verdicts(one, hosts, told, api))) for one in CONTROLS))


def _verdicts(
    control: Control, hosts: Sequence[Host], told: Mapping[str, HostAudit | str], api: ApiAudit | str
) -> Iterator[tuple[str, Verdict]]:
    if control.api:
        yield _API, control.judge_api(None, api) if isinstance(api, str) else control.judge_api(api)
    if control.host:
        for host in hosts:
            if control.concerns(host):
                found = told.get(host.name, "it was not asked")
                yield host.name, _of_host(control, found)


def _of_host(control: Control, found: HostAudit | str) -> Verdict:
    return Verdict(Outcome.UNKNOWN, (found,)) if isinstance(found, str) else control.judge_host(found)


def _value(finding: ControlFinding) -> dict[str, Any]:
    return {
        "id": finding.control.id,
        "title": finding.control.title,
        "outcome": finding.outcome.value,
        "reason": finding.control.reason if finding.outcome is Outcome.EXPLAINED else "",
        "places": {
            place: {"outcome": one.outcome.value, "details": list(one.details)}
            for place, one in finding.verdicts.items()
        },
    }


def controls_table() -> Iterator[str]:
    """Yield the lines of a table in Markdown of every control, and why it need not be met where that is so."""
    yield "| Control | What it asks for | Why it may not be met |"
    yield "| --- | --- | --- |"
    for one in CONTROLS:
        yield f"| {one.id} | {one.title} | {one.reason} |"
