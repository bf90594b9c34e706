"""Watching one cluster: words of probe loops in; orders for them, transitions and findings out. Without any effect.

Times are seconds of the watcher's monotonic clock; `origin` is the wall-clock time of its zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from windlass.domain.health.addons import addon_status
from windlass.domain.health.certificate_ends import CertificateEnds
from windlass.domain.health.checks import CheckPlan
from windlass.domain.health.findings import HOST_COMPONENT, Finding, Kind
from windlass.domain.health.heartbeat import HeartbeatTracker
from windlass.domain.health.host_report import LOCAL_KINDS, NODE, ON_NO_HOST, ConditionTracker, HostReport, assess
from windlass.domain.health.probe import ProbeResult, Subject
from windlass.domain.health.resume import findings_before, states_before
from windlass.domain.health.status import Status
from windlass.domain.health.subject import ProbeOrder, StatusChange, SubjectMonitor

AIRFLOW = "airflow"
"""The vantage point that is no host: the watcher itself, by SSH."""
_UNREACHED = 3
"""Attempts in a row to reach a host that fail, until that says something."""
_UNREACHED_FOR = 60.0
"""Seconds for which Airflow alone does not reach a host, until that is told."""

_STARTED_WITH_HOST = frozenset({Kind.UNIT_DOWN, Kind.NODE_NOT_READY})

Key = tuple[str, str, Kind]
SSH = "ssh"
"""What `component` says where Airflow alone does not reach a host."""
WHOLE_HOST = frozenset({HOST_COMPONENT, SSH})


@dataclass
class Effects:
    """What follows from what was taken in."""

    orders: list[ProbeOrder] = field(default_factory=list)
    transitions: list[StatusChange] = field(default_factory=list)
    opened: list[Finding] = field(default_factory=list)
    closed: list[Finding] = field(default_factory=list)

    @property
    def is_news(self) -> bool:
        """Whether what is known of the cluster changed."""
        return bool(self.transitions or self.opened or self.closed)


class HealthMonitor:
    """All checks of one cluster."""

    def __init__(self, plan: CheckPlan, origin: datetime, now: float, known: Mapping[str, Any] | None = None) -> None:
        """Begin; `known` is the status that an earlier watcher left: what was seen before gets no time to start."""
        self.plan = plan
        self.heartbeats = HeartbeatTracker(plan.hosts)
        self._origin = origin
        states = states_before(known, plan.checks, origin, now)
        self._subjects = {
            check.subject: SubjectMonitor(check, state) for check, state in zip(plan.checks, states, strict=True)
        }
        self._trackers: dict[tuple[str, str, str], ConditionTracker] = {}
        self._open: dict[Key, Finding] = {finding.key: finding for finding in findings_before(known)}
        self._certificates = CertificateEnds()
        self._heard: frozenset[str] = frozenset()
        self._is_airflow_cut = False

    def set_origin(self, origin: datetime) -> None:
        """Take in what the wall-clock time of the watcher's zero is by now."""
        self._origin = origin

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All open findings."""
        return tuple(self._open.values())

    @property
    def is_healthy(self) -> bool:
        """Whether every subject is seen to be healthy."""
        return all(watch.state.status is Status.HEALTHY for watch in self._subjects.values())

    @property
    def is_calm(self) -> bool:
        """Whether nothing is suspicious and nothing is wrong."""
        return not self._open and not any(watch.is_suspicious for watch in self._subjects.values())

    def watched_by(self, host: str) -> tuple[Subject, ...]:
        """Return what the loop on `host` is to look at now, for one that has just begun."""
        for watch in self._subjects.values():
            watch.forget(host)
        return tuple(subject for subject, watch in self._subjects.items() if watch.is_looking(host))

    def is_looking(self, host: str, subject: Subject) -> bool:
        """Say whether `host` is to look at a subject now."""
        return subject in self._subjects and self._subjects[subject].is_looking(host)

    def look(self, look: ProbeResult) -> Effects:
        """Take one look in."""
        effects = Effects()
        self.heartbeats.message(look.vantage, look.at)
        watch = self._subjects.get(look.subject)
        if watch is not None:
            effects.orders += watch.look(look)
            self._review([watch], look.at, effects)
        return self._done(effects, look.at)

    def container(self, subject: Subject, started: float | None, now: float) -> None:
        """Take in since when a subject's container runs; None if it does not."""
        self.heartbeats.message(subject.host, now)
        # One that has yet to start says that the host's clock was set back since, and nothing of the container.
        if subject in self._subjects and started is not None and started <= now:
            self._subjects[subject].restarted(started, now)

    def report(self, host: str, report: HostReport, now: float, reporter: str | None = None) -> Effects:
        """Take in what `host` says about itself, or `reporter` about it; of a host that is none of ours, nothing."""
        effects = Effects()
        if (reporter or host) in self.plan.hosts:
            self.heartbeats.message(reporter or host, now)
        if host and host not in self.plan.hosts:
            return effects
        tracker = self._trackers.setdefault((host, report.topic, report.name), ConditionTracker())
        tracker.take(assess(report), now)
        self._certificates.take(host, report, now)
        self._settle(now, effects)
        return effects

    def is_doubtful(self, host: str, topic: str) -> bool:
        """Say whether a bad report of `host` on `topic`, to this watcher or to one before, is not refuted yet."""
        tracker = self._trackers.get((host, topic, topic))
        is_open = any((at, component) == (host, topic) for at, component, _ in self._open)
        return is_open if tracker is None else not tracker.is_good

    def tick(self, now: float, *, is_airflow_cut: bool = False) -> Effects:
        """Take in that time has passed; if `is_airflow_cut`, Airflow reaches nothing at all and says nothing."""
        effects = Effects()
        heard = self.heartbeats.heard(now)
        if heard != self._heard or not self.is_calm:
            self._heard = heard
            self._review(self._subjects.values(), now, effects)
        self._is_airflow_cut = is_airflow_cut
        self._settle(now, effects)
        return self._done(effects, now)

    def status(self, now: float) -> dict[str, Any]:
        """Return what is known, as plain values for the store."""
        return {
            "observed": self._time(now).isoformat(),
            "cluster": self.plan.cluster,
            "hosts": {host: self.heartbeats.is_heard(host, now) for host in self.plan.hosts},
            "subjects": [*map(self._subject_status, self._subjects.values()), *self._addons()],
            "findings": [finding.to_dict() for finding in self._open.values()],
            "certificates": self._certificates.values(self._time),
        }

    def _subject_status(self, watch: SubjectMonitor) -> dict[str, Any]:
        trouble, state = watch.trouble, watch.state
        is_starting = state.status is Status.INITIALIZING
        return {
            "host": watch.subject.host,
            "component": watch.subject.component,
            "status": state.status.value,
            "since": self._time(state.since).isoformat(),
            "starting_until": self._time(state.deadline).isoformat() if is_starting else None,
            "seen_from": list(trouble.seen_from) if trouble else [],
            "evidence": trouble.evidence if trouble else "",
            "vantages": list(watch.check.vantages),
        }

    def _addons(self) -> Iterator[Mapping[str, Any]]:
        for (host, topic, name), tracker in self._trackers.items():
            if (kind := ON_NO_HOST.get(topic)) is not None:
                yield addon_status(name, tracker, self._open.get((host, name, kind)), self._time)

    def _review(self, watches: Iterable[SubjectMonitor], now: float, effects: Effects) -> None:
        for watch in watches:
            before = watch.state.status
            effects.orders += watch.review(self.heartbeats, now)
            if watch.state.status is not before:
                effects.transitions.append(StatusChange.of(watch, before))

    def _done(self, effects: Effects, now: float) -> Effects:
        for order in effects.orders:
            if order.verb != "rest" and self.heartbeats.is_heard(order.host, now):
                self.heartbeats.asked(order.host, now)
        if effects.transitions:
            self._settle(now, effects)
        return effects

    def _settle(self, now: float, effects: Effects) -> None:
        """Open and close findings: each trouble is told once, and once that it is over."""
        current = self._current(now)
        for key, finding in current.items():
            if key not in self._open:
                self._open[key] = finding
                effects.opened.append(finding)
        for key in [key for key in self._open if key not in current and not self._is_unsure(key)]:
            effects.closed.append(self._open.pop(key))

    def _current(self, now: float) -> dict[Key, Finding]:
        found = [self._finding(watch) for watch in self._subjects.values() if watch.trouble is not None]
        found += [
            Finding(self.plan.cluster, host, tracker.condition.component, tracker.condition.kind,
                    self._time(tracker.since), (host,), tracker.condition.text)
            for (host, _, _), tracker in self._trackers.items()
            if tracker.condition is not None and now - tracker.since >= tracker.condition.patience
            and not self._is_too_early(host, tracker.condition.kind, now)
        ]  # fmt: skip
        if not self._is_airflow_cut:
            found += [finding for host in self.plan.hosts if (finding := self._unreached(host, now)) is not None]
        current: dict[Key, Finding] = {}
        for finding in found:
            current.setdefault(finding.key, finding)
        return current

    def _finding(self, watch: SubjectMonitor) -> Finding:
        trouble = watch.trouble
        if trouble is None:
            raise AssertionError(f"{watch.subject} has no trouble")
        return Finding(
            cluster=self.plan.cluster,
            host=watch.subject.host,
            component=trouble.diagnosis.component,
            kind=trouble.diagnosis.kind,
            since=self._time(trouble.since),
            seen_from=trouble.seen_from,
            evidence=trouble.evidence,
            failed_checks=trouble.failed_checks,
        )

    def _unreached(self, host: str, now: float) -> Finding | None:
        """Return what it means that Airflow itself does not reach `host`."""
        failures, lost, reason = self.heartbeats.failures(host)
        if failures < _UNREACHED:
            return None
        if not self._is_looked_at(host):
            kind, component = Kind.HOST_DOWN, HOST_COMPONENT
        elif now - lost >= _UNREACHED_FOR and not self._is_down(host):
            kind, component = Kind.NETWORK_CUT, SSH
        else:
            return None
        return Finding(
            self.plan.cluster, host, component, kind, self._time(lost), (AIRFLOW,), reason, failed_checks=failures
        )

    def _is_looked_at(self, host: str) -> bool:
        return any(watch.check.vantages for watch in self._on(host))

    def _is_too_early(self, host: str, kind: Kind, now: float) -> bool:
        """Say whether a host is just being made: what runs there still has time to start, and so has what it needs."""
        if kind not in _STARTED_WITH_HOST:
            return False
        about = self._on(host)
        return bool(about) and all(watch.state.is_starting(now) for watch in about)

    def _is_down(self, host: str) -> bool:
        troubles = [watch.trouble for watch in self._on(host)]
        return any(trouble is not None and trouble.diagnosis.kind is Kind.HOST_DOWN for trouble in troubles)

    def _on(self, host: str) -> list[SubjectMonitor]:
        return [watch for subject, watch in self._subjects.items() if subject.host == host]

    def _is_unsure(self, key: Key) -> bool:
        """Say whether an open finding stays although nobody complains now: nobody knows what it is about by now."""
        host, component, kind = key
        if component == SSH:
            # However long ago the last watcher found it: it is over when Airflow reaches the host.
            return host in self.plan.hosts and not self.heartbeats.is_reached(host) and not self._is_down(host)
        if host and host not in self.plan.hosts:
            return False  # it is no host of the cluster any more
        if not self.plan.has(kind, component):
            return False  # the spec has it no more
        if kind in LOCAL_KINDS:
            reports = [
                (name if topic != NODE else NODE, one)
                for (at, topic, name), one in self._trackers.items()
                if at == host
            ]
            return not any(one.is_good for name, one in reports if name == component)
        about = [watch for watch in self._on(host) if component in WHOLE_HOST | {watch.subject.component}]
        return bool(about) and all(watch.state.status is Status.UNKNOWN for watch in about)

    def _time(self, moment: float) -> datetime:
        return self._origin + timedelta(seconds=moment)
