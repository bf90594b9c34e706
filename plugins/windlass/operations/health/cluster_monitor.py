"""Guarding one cluster: a station on each host, what they say judged, what follows ordered and handed on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from windlass.domain.bounded import WIDTH
from windlass.domain.health import Effects, HealthMonitor, ProbeOutcome, ProbeResult, Subject
from windlass.domain.health.holders import AddressHolders
from windlass.domain.health.host_report import ADDON, NODE, HostReport
from windlass.domain.health.node_reporter import BLIND, NodeReporter
from windlass.domain.health.protocol import (
    NO_NODES,
    NODES,
    ProbeMessage,
    order_line,
    probe_name,
    setup_lines,
    subject_of,
)
from windlass.domain.health.subject import ProbeOrder
from windlass.domain.markdown import shortened
from windlass.effects.probe.host_report import AUTHORITIES, CERTIFICATES, DISKS
from windlass.effects.ssh.listening import Dialler
from windlass.operations.health.fleet import MonitoredCluster
from windlass.operations.health.probe_channel import MOST_MESSAGES, ProbeChannel, ProbeListener

STALE_SECONDS = 5.0
"""A look that was longer on its way says nothing about now: the channel was cut meanwhile."""
LONGEST_VALUE = 1000
"""Characters of what a host says of itself that are kept: five objects of an add-on that are missing have a few
hundred."""
_CLOCK_BEATS = 3

Tell = Callable[[Effects], None]


@dataclass
class _Clock:
    """How far a host's clock is off, by its last heartbeats."""

    lags: list[float] = field(default_factory=list)

    def skew(self, lag: float) -> float:
        """Return by how much it is certainly ahead (more than 0) or, over some beats, behind (less than 0)."""
        self.lags = [*self.lags[1 - _CLOCK_BEATS :], lag]
        return -lag if lag < 0 else -min(self.lags)


def _origin(now: float) -> datetime:
    """Return the wall-clock time of the monotonic clock's zero; it moves when either clock stands still or is set."""
    return datetime.now(UTC) - timedelta(seconds=now)


class ClusterMonitor:
    """One cluster's watch, wired to its hosts. All its methods belong to the event loop's thread."""

    def __init__(self, watched: MonitoredCluster, known: Mapping[str, Any] | None, tell: Tell) -> None:
        """`known` is the last observation, of this watcher or of an earlier one."""
        self.cluster = watched.plan.cluster
        self.watched = watched
        self._tell = tell
        now = time.monotonic()
        self.watch = HealthMonitor(watched.plan, _origin(now), now, known)
        self._clocks = {host: _Clock() for host in watched.plan.hosts}
        self._reporter = NodeReporter(watched.reporters)
        self._holders = AddressHolders(watched.plan.virtual_address, watched.reporters)
        self._asked_again: dict[tuple[str, Subject], float] = {}
        listener = ProbeListener(self._began, self._message, self._failed)
        self._channels = {
            host: ProbeChannel(
                watched.targets[host],
                setup_lines(watched.plan, host, watched.units[host], is_reporter=host in watched.reporters),
                listener,
                MOST_MESSAGES + 120 * (len(watched.plan.checks) + len(watched.plan.hosts)),
            )
            for host in watched.plan.hosts
        }

    def is_as(self, watched: MonitoredCluster) -> bool:
        """Say whether there is nothing new in `watched`, whatever was seen meanwhile."""
        return replace(watched, known=None) == replace(self.watched, known=None)

    def start(self, dialler: Dialler, gate: asyncio.Semaphore) -> None:
        """Begin on all hosts."""
        # Who looks is settled before any loop begins, so that each is told at once.
        self.watch.tick(time.monotonic())
        for channel in self._channels.values():
            channel.start(dialler, gate)

    def stop(self) -> None:
        """End on all hosts."""
        for channel in self._channels.values():
            channel.stop()

    def alive(self) -> None:
        """Tell all loops that somebody still listens."""
        for channel in self._channels.values():
            channel.alive()

    def tick(self, *, is_airflow_cut: bool) -> None:
        """Let time pass."""
        now = time.monotonic()
        self.watch.set_origin(_origin(now))
        self._follow(self.watch.tick(now, is_airflow_cut=is_airflow_cut))
        if (held := self._holders.report(self.watch.heartbeats.heard(now))) is not None:
            self._follow(self.watch.report("", held, now))
        before = self._reporter.host
        if self._reporter.review(self.watch.heartbeats, now):
            self._pass_on(before)
        for channel in self._channels.values():
            if is_airflow_cut:
                channel.forgive(now)  # to dial all hosts of all clusters again would help none of them
            else:
                channel.check(now)

    def forgive(self) -> None:
        """Count nothing against anybody: the watcher itself was held up."""
        now = time.monotonic()
        self.watch.heartbeats.forgive(now)
        for channel in self._channels.values():
            channel.forgive(now)

    def report(self, report: HostReport) -> None:
        """Take in what the watcher itself found about the cluster as a whole."""
        self._follow(self.watch.report("", report, time.monotonic()))

    def _began(self, host: str) -> str:
        self.watch.heartbeats.message(host, time.monotonic())
        subjects = self.watch.watched_by(host)
        nodes = NODES if host == self._reporter.host else ""
        return nodes + "".join(f"watch\t{probe_name(subject)}\n" for subject in subjects)

    def _failed(self, host: str, reason: str) -> None:
        self.watch.heartbeats.failed(host, reason, time.monotonic())

    def _message(self, host: str, message: ProbeMessage) -> None:
        now = time.monotonic()
        match message.verb, message.fields:
            case "beat", (epoch, *_):
                # One that was held up on its way says that its host is there, and nothing about its clock.
                if self._channels[host].delay(message) <= STALE_SECONDS:
                    self._beat(host, float(epoch), now)
                self.watch.heartbeats.message(host, now)
            case "look", (name, outcome, *detail):
                if self._channels[host].delay(message) <= STALE_SECONDS:
                    said = shortened(" ".join(detail), WIDTH)
                    look = ProbeResult(subject_of(name), host, ProbeOutcome(outcome), now, said)
                    self._follow(self.watch.look(look))
                else:
                    self.watch.heartbeats.message(host, now)
                    self._ask_again(host, subject_of(name), now)
            case "container", (component, state, age):
                subject = subject_of(f"{host}/{component}")
                self.watch.container(subject, now - float(age) if state == "running" else None, now)
            case "nodes", (state,):
                self.watch.heartbeats.message(host, now)
                if state == BLIND and self._reporter.blind(host, self.watch.heartbeats, now):
                    self._pass_on(host)
            case "address", (address, value):
                self.watch.heartbeats.message(host, now)
                self._holders.take(host, address, value)
            case ("node" | "unit" | "disk" | "certificate" | "addon") as topic, (name, value):
                self._report(host, HostReport(topic, name, shortened(value, LONGEST_VALUE)), now)
            case _:
                self.watch.heartbeats.message(host, now)

    def _report(self, host: str, report: HostReport, now: float) -> None:
        """Take in what a host reports, if it was asked about that: of what it makes up nothing is kept."""
        if self._is_asked(host, report.topic, report.name):
            # An add-on is on no host.
            about = {NODE: report.name, ADDON: ""}.get(report.topic, host)
            self._follow(self.watch.report(about, report, now, host))

    def _is_asked(self, host: str, topic: str, name: str) -> bool:
        match topic:
            case "node":
                return host in self.watched.reporters
            case "unit":
                return name in self.watched.units[host]
            case "disk":
                return name in DISKS
            case "addon":
                known = (one.addon for one in self.watched.plan.objects)
                return host in self.watched.reporters and name in known
            case _:
                return name in {CERTIFICATES, AUTHORITIES}

    def _pass_on(self, before: str) -> None:
        """Have another host tell of nodes, instead of `before`."""
        self._channels[before].say(NO_NODES)
        self._channels[self._reporter.host].say(NODES)

    def _ask_again(self, host: str, subject: Subject, now: float) -> None:
        """Have a host look again from the start: it tells only changes, and what it told last came too late."""
        is_due = now - self._asked_again.get((host, subject), float("-inf")) >= STALE_SECONDS
        if is_due and self.watch.is_looking(host, subject):
            self._asked_again[host, subject] = now
            self._obey(ProbeOrder(host, "watch", subject))

    def _beat(self, host: str, epoch: float, now: float) -> None:
        skew = self._clocks[host].skew(time.time() - epoch)
        # Most are good, and a good one is worth telling only after a bad one.
        if abs(skew) > 1 or self.watch.is_doubtful(host, "clock"):
            self._follow(self.watch.report(host, HostReport("clock", "clock", f"{skew:.3f}"), now))

    def _follow(self, effects: Effects) -> None:
        for order in effects.orders:
            self._obey(order)
        if effects.is_news:
            self._tell(effects)

    def _obey(self, order: ProbeOrder) -> None:
        self._channels[order.host].say(order_line(order))
