"""Watching one subject: who looks, what they see, and what follows from it.

Calm, one vantage point looks. On its first failed look the others are woken, and the host itself is asked what it
says; they rest again when all is healthy. Nothing here does anything: orders say what the vantage points are to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from windlass.domain.health.checks import Check
from windlass.domain.health.consensus import Agreement, Consensus, VantageView, decide
from windlass.domain.health.diagnosis import Diagnosis, SelfReport, diagnose, evidence
from windlass.domain.health.findings import Kind
from windlass.domain.health.heartbeat import HeartbeatTracker
from windlass.domain.health.probe import ProbeHistory, ProbeResult, Subject
from windlass.domain.health.status import Status, SubjectState

Verb = Literal["watch", "rest", "inspect"]
UNIT_COMPONENTS = frozenset({"kubelet"})
"""Components that run in no container, so that there is none to inspect."""


@dataclass(frozen=True)
class ProbeOrder:
    """What the probe loop on `host` is told: to look at a subject, to rest, or when its container was started."""

    host: str
    verb: Verb
    subject: Subject


@dataclass(frozen=True)
class Trouble:
    """Why a subject is unhealthy."""

    diagnosis: Diagnosis
    since: float
    seen_from: tuple[str, ...]
    evidence: str
    failed_checks: int


class SubjectMonitor:
    """One check of one cluster."""

    def __init__(self, check: Check, state: SubjectState) -> None:
        self.check = check
        self.state = state
        self.trouble: Trouble | None = None
        """Set while the state is unhealthy; it stays what it was while nobody can see."""
        self.consensus: Consensus | None = None
        self._histories: dict[str, ProbeHistory] = {}
        """By vantage point that looks, the host itself too if it was asked."""
        self._suspicion: float | None = None
        self._first_failure = 0.0
        self._proven = float("-inf")
        """What started before this is known to have come up: it was found healthy since."""
        self._doubt: tuple[Diagnosis, float] | None = None
        """Another diagnosis than the one that holds, and since when it has been found."""

    @property
    def subject(self) -> Subject:
        """What is watched."""
        return self.check.subject

    @property
    def is_suspicious(self) -> bool:
        """Whether all vantage points look."""
        return self._suspicion is not None

    @property
    def _vantages(self) -> tuple[str, ...]:
        return self.check.vantages or (self.subject.host,)

    def is_looking(self, host: str) -> bool:
        """Say whether `host` is to look at it now."""
        return host in self._histories

    def forget(self, vantage: str) -> None:
        """Begin again with a vantage point whose probe loop was started again."""
        if vantage in self._histories:
            self._histories[vantage] = ProbeHistory()

    def look(self, look: ProbeResult) -> tuple[ProbeOrder, ...]:
        """Take one look in, and return what to ask at once; looks by those who should rest are late, and dropped."""
        history = self._histories.get(look.vantage)
        if history is None:
            return ()
        if look.outcome.is_failure and history.passes >= self.check.thresholds.healthy and not history.unsure:
            self._prove(look.at - self.check.thresholds.healthy * self.check.thresholds.longest_round)
        after = self._histories[look.vantage] = history.after(look)
        if after.failures == 1 and look.vantage in self._vantages and not self._others_fail(look.vantage):
            self._first_failure = look.at
        return self._inspect(after)

    def restarted(self, started: float, now: float) -> None:
        """Take in when the subject's container was started, as the host itself says.

        One that was healthy since then needs no time to start: it has failed after it had come up.
        """
        if started > self._proven:
            self.state = self.state.restarted(self.check.thresholds, started, now)

    def review(self, heartbeats: HeartbeatTracker, now: float) -> tuple[ProbeOrder, ...]:
        """Bring the state up to date, and return who has to look or may rest."""
        self.consensus = decide(self.check.thresholds, self._views(heartbeats, now))
        if self.consensus.agreement is Agreement.HEALTHY:
            self._prove(max(view.history.passing_since for view in self.consensus.agreeing))
        self.state = self.state.after(self.consensus.agreement, now)
        self._suspect(heartbeats, now)
        self._explain(heartbeats, now)
        return self._assign(heartbeats, now)

    def _prove(self, moment: float) -> None:
        self._proven = max(self._proven, moment)

    def _others_fail(self, vantage: str) -> bool:
        return any(
            self._histories[name].failures for name in self._vantages if name in self._histories and name != vantage
        )

    def _inspect(self, history: ProbeHistory) -> tuple[ProbeOrder, ...]:
        is_open = self.state.status is not Status.UNHEALTHY and history.failures <= self.check.thresholds.unhealthy
        if history.failures and is_open and self.subject.component not in UNIT_COMPONENTS:
            return (ProbeOrder(self.subject.host, "inspect", self.subject),)
        return ()

    def _views(self, heartbeats: HeartbeatTracker, now: float) -> list[VantageView]:
        heard = heartbeats.heard(now)
        return [
            VantageView(name, self._histories[name], name in heard, is_contradicted=bool(heard - {name}))
            for name in self._vantages
            if name in self._histories
        ]

    def _suspect(self, heartbeats: HeartbeatTracker, now: float) -> None:
        looking = [
            self._histories[name]
            for name in self._vantages
            if name in self._histories and heartbeats.is_heard(name, now)
        ]
        failing = any(history.failures or history.unsure for history in looking)
        if failing or self.state.status is Status.UNHEALTHY:
            self._suspicion = now if self._suspicion is None else self._suspicion
        else:
            self._suspicion = None

    def _explain(self, heartbeats: HeartbeatTracker, now: float) -> None:
        if self.state.status is Status.HEALTHY:
            self.trouble = None
        if self.state.status is not Status.UNHEALTHY or self.consensus is None or not self.consensus.agreeing:
            return
        agreeing = self.consensus.agreeing
        if not any(view.history.failures for view in agreeing):
            return
        own = self._own_word(heartbeats)
        counted = {view.vantage for view in self.consensus.seeing}
        uncounted = [name for name in self._vantages if name in self._histories and name not in counted]
        self.trouble = Trouble(
            self._settled(diagnose(self.subject, agreeing, own), now),
            self._first_failure if self.trouble is None else self.trouble.since,
            tuple(view.vantage for view in agreeing),
            evidence(agreeing, uncounted, own),
            max(view.history.failures for view in agreeing),
        )

    def _settled(self, found: Diagnosis, now: float) -> Diagnosis:
        """Return the diagnosis that holds: another one than before only once it has been found for a while.

        What recovers is seen to do so by one before the other, and a host that comes back has yet to start everything.
        """
        if self.trouble is None or found == self.trouble.diagnosis:
            self._doubt = None
            return found
        if self._doubt is None or self._doubt[0] != found:
            self._doubt = (found, now)
        thresholds, is_back = self.check.thresholds, self.trouble.diagnosis.kind is Kind.HOST_DOWN
        patience = thresholds.reinitializing if is_back else (thresholds.healthy + 2) * thresholds.interval
        return found if now - self._doubt[1] >= patience else self.trouble.diagnosis

    def _own_word(self, heartbeats: HeartbeatTracker) -> SelfReport:
        begun = self._suspicion if self._suspicion is not None else self._first_failure
        answers = heartbeats.spoke_after(self.subject.host, begun)
        # What a host saw before it fell silent says nothing of what became of it.
        is_asked = answers and bool(self.check.vantages)
        history = self._histories.get(self.subject.host, ProbeHistory()) if is_asked else ProbeHistory()
        return SelfReport(answers, history)

    def _assign(self, heartbeats: HeartbeatTracker, now: float) -> tuple[ProbeOrder, ...]:
        heard = [name for name in self._vantages if heartbeats.is_heard(name, now)]
        if self._suspicion is not None:
            desired = {*self._vantages, self.subject.host}
        else:
            # The first that can be heard looks all the time; if it goes silent, the next takes over.
            desired = {*heard[:1]} or {self._vantages[0]}
        orders = [ProbeOrder(name, "rest", self.subject) for name in sorted(self._histories.keys() - desired)]
        orders += [ProbeOrder(name, "watch", self.subject) for name in sorted(desired - self._histories.keys())]
        self._histories = {name: self._histories.get(name, ProbeHistory()) for name in sorted(desired)}
        return tuple(orders)


@dataclass(frozen=True)
class StatusChange:
    """A subject's status changed."""

    subject: Subject
    before: Status
    after: Status
    seen_from: tuple[str, ...]
    evidence: str

    @classmethod
    def of(cls, watch: SubjectMonitor, before: Status) -> StatusChange:
        """Return the change to what a subject is now."""
        trouble, consensus = watch.trouble, watch.consensus
        seen_from = tuple(view.vantage for view in consensus.agreeing) if consensus else ()
        return cls(watch.subject, before, watch.state.status, seen_from, trouble.evidence if trouble else "")
