"""A small world to watch: hosts that are up or down, cut or not, and probe loops that see it as real ones would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from windlass.domain.health import (
    Check,
    CheckPlan,
    Finding,
    HealthMonitor,
    ProbeOrder,
    ProbeOutcome,
    ProbeResult,
    Subject,
    vantages_of,
)
from windlass.domain.rendering import HealthCheck

ORIGIN = datetime(2026, 11, 24, tzinfo=UTC)
STEP = 0.5


def health(interval: float = 2.0, timeout: float = 2.0, **changes: object) -> HealthCheck:
    values: dict[str, object] = {
        "port": 6443,
        "protocol": "https",
        "request_line": "GET /livez HTTP/1.0",
        "address": "host",
        "client_certificate": None,
        "interval": timedelta(seconds=interval),
        "response_timeout": timedelta(seconds=timeout),
        "initializing_timeout": timedelta(seconds=60),
        "reinitializing_timeout": timedelta(seconds=60),
        "healthy_threshold": 2,
        "unhealthy_threshold": 3,
        "strategy": "recreate",
        "quorum": 0,
    }
    return HealthCheck(**(values | changes))  # type: ignore[arg-type]


def plan(
    hosts: tuple[str, ...] = ("cp-1", "cp-2", "cp-3", "w-1"), components: tuple[str, ...] = ("kube-apiserver",)
) -> CheckPlan:
    addresses = {host: f"192.0.2.{number}" for number, host in enumerate(hosts, start=1)}
    checks = tuple(
        Check(
            Subject(host, component),
            health(),
            addresses[host],
            vantages_of(host, [other for other in hosts if other != host]),
        )
        for host in hosts
        for component in components
    )
    return CheckPlan("demo", addresses, dict.fromkeys(addresses, (22, 10250)), checks)


@dataclass
class World:
    """What is true. A host in `cut` reaches no other and is reached by none; one in `deaf` Airflow does not hear."""

    plan: CheckPlan
    watch: HealthMonitor = field(init=False)
    down: set[Subject] = field(default_factory=set)
    """Processes that do not listen."""
    dead: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)
    now: float = 0.0
    opened: list[Finding] = field(default_factory=list)
    closed: list[Finding] = field(default_factory=list)
    _due: dict[tuple[str, Subject], float] = field(default_factory=dict)
    _questions: list[ProbeOrder] = field(default_factory=list)
    started: dict[Subject, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.watch = HealthMonitor(self.plan, ORIGIN, self.now)
        for host in self.plan.hosts:
            self.watch.heartbeats.message(host, self.now)
        self._tick()
        for host in self.plan.hosts:
            for subject in self.watch.watched_by(host):
                self._due[host, subject] = self.now

    def run(self, seconds: float, each: Callable[[World], None] | None = None) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += STEP
            if each:
                each(self)
            self._beat()
            self._loops()
            self._tick()

    def settle(self) -> None:
        """Let the first looks pass, and forget what came of them."""
        self.run(10)
        self.opened.clear()

    def is_mute(self, host: str) -> bool:
        return host in self.dead or host in self.deaf

    def outcome(self, vantage: str, subject: Subject) -> ProbeOutcome:
        if vantage == subject.host:
            return ProbeOutcome.REFUSED if subject in self.down else ProbeOutcome.PASSED
        others = [host for host in self.plan.hosts if host != vantage]
        reached = [host for host in others if not self._apart(vantage, host)]
        if subject.host in reached:
            return ProbeOutcome.REFUSED if subject in self.down else ProbeOutcome.PASSED
        return ProbeOutcome.SILENT if reached else ProbeOutcome.ALONE

    def _apart(self, one: str, other: str) -> bool:
        return bool({one, other} & self.cut) or other in self.dead

    def _beat(self) -> None:
        for host in self.plan.hosts:
            if not self.is_mute(host) and self.now % 10 == 0:
                self.watch.heartbeats.message(host, self.now)

    def _loops(self) -> None:
        for (vantage, subject), due in list(self._due.items()):
            if vantage in self.dead or due > self.now or (vantage, subject) not in self._due:
                continue
            outcome = self.outcome(vantage, subject)
            check = next(check for check in self.plan.checks if check.subject == subject)
            took = check.thresholds.response_timeout if outcome in {ProbeOutcome.SILENT, ProbeOutcome.ALONE} else 0.0
            self._due[vantage, subject] = self.now + max(check.thresholds.interval, took)
            if not self.is_mute(vantage):
                self._take(self.watch.look(ProbeResult(subject, vantage, outcome, self.now)))
        for order in self._questions:
            if not self.is_mute(order.host):
                self.watch.container(order.subject, self.started.get(order.subject), self.now)
        self._questions.clear()

    def _tick(self) -> None:
        self._take(self.watch.tick(self.now))

    def _take(self, effects: object) -> None:
        self.opened += effects.opened  # type: ignore[attr-defined]
        self.closed += effects.closed  # type: ignore[attr-defined]
        for order in effects.orders:  # type: ignore[attr-defined]
            if order.verb == "watch":
                self._due[order.host, order.subject] = self.now
            elif order.verb == "rest":
                self._due.pop((order.host, order.subject), None)
            else:
                self._questions.append(order)
