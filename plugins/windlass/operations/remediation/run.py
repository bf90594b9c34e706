"""The course of a repair run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from windlass.domain.remediation import (
    Action,
    ClusterHealth,
    HealthReport,
    History,
    NeedsOperator,
    RemediationPlan,
    plan_actions,
)
from windlass.domain.remediation.actions import WORDS
from windlass.domain.servicelog import Detail, Tally, health_text
from windlass.errors import NotReadyError, WindlassError
from windlass.operations.remediation.background import LIMIT, LONG, BackgroundActions
from windlass.operations.remediation.context import Note, RemediationContext
from windlass.operations.remediation.detect_drift import detect_drift
from windlass.operations.remediation.execute import act, watch
from windlass.operations.remediation.observe import look, observe_cordons, side_by_side

_LONGEST = timedelta(minutes=8)
"""A run that still finds something to do after this ends, and leaves the rest to the next one."""
_DRIFT = "drift "
"""How the key begins of what people are told of drift that is only shown."""


@dataclass(frozen=True)
class RemediationResult:
    """What a run did and what it left: all in words."""

    done: tuple[str, ...]
    failed: tuple[str, ...]
    held: tuple[str, ...]
    stops: tuple[str, ...]
    reported: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing is left that is ill."""
        return not (self.held or self.stops)


def show_plan(work: RemediationContext) -> RemediationPlan:
    """Return what a run would do now, drift included; nothing is changed."""
    seen, history = detect_drift(work, look(work, work.reports, is_patient=True)), work.history()
    if history.cordoned:
        seen = observe_cordons(work, seen)
    return plan_actions(work.session.cluster.spec.repair, seen, history, work.asked)


def heal(work: RemediationContext) -> RemediationResult:
    """Repair until nothing is left to do now; every decision and act is noted as it comes."""
    return _Run(work, dict(work.reports), work.history()).go()


class _Run:
    def __init__(self, work: RemediationContext, reports: dict[str, HealthReport], history: History) -> None:
        self.work = work
        self.reports = reports
        self.history = history
        self.by_watch = work.told
        self.done: list[str] = []
        self.failed: list[str] = []
        self.told: set[str] = set()
        self.aside = BackgroundActions()
        self.saved = history
        if work.asked.by_person:
            self.history = history.asked()

    def go(self) -> RemediationResult:
        """Look, plan, act; a look into the depth follows once nothing obvious is left, and ends the run in any case."""
        deadline = self.work.clock() + _LONGEST
        is_deep = not self.reports
        while True:
            self._gather()
            seen, plan = self._plan(is_deep=is_deep)
            self._tell(plan)
            is_late = self.work.clock() > deadline
            if plan.repairs and not is_late:
                self._act(seen, plan.repairs)
                is_deep = False
            elif self.aside:
                self._settle(seen, plan)
                self.aside.wait()
            elif not is_deep:
                is_deep = True
            elif plan.repairs or plan.next_time is None or is_late:
                break
            else:
                self._settle(seen, plan)  # whoever is needed is told before the run waits, not after
                self._wait(plan)
                is_deep = False
        self._leave(plan)
        self._settle(seen, plan)
        return self._outcome(plan)

    def _plan(self, *, is_deep: bool) -> tuple[ClusterHealth, RemediationPlan]:
        self.work.beat()
        self._listen()
        seen = look(self.work, self.reports, is_patient=is_deep)
        if is_deep:
            seen = detect_drift(self.work, seen)
        plan = plan_actions(self.work.session.cluster.spec.repair, seen, self.history, self.work.asked)
        if any(repair.kind == "cordon" for repair in plan.repairs) or (is_deep and self.history.cordoned):
            # Only the API knows which nodes are cordoned already, and only here does it matter.
            seen = observe_cordons(self.work, seen)
            ours = frozenset(host.name for host in seen.hosts if host.has_our_cordon)
            unseen = frozenset(host.name for host in seen.hosts if host.is_cordoned is None)
            self.history = self.history.with_cordons_seen(ours, unseen)
            plan = plan_actions(self.work.session.cluster.spec.repair, seen, self.history, self.work.asked)
        return seen, self.aside.without(replace(plan, stops=(*plan.stops, *self.by_watch)))

    def _listen(self) -> None:
        """Take in what the watch has found since the run began: runs that are started by it leave it to this one.

        What began to fail before the last try of it is not told anew: that try was about it.
        """
        heard = self.work.hear()
        if heard is None:
            return
        self.by_watch = heard.told
        for key, report in heard.reports.items():
            last = self.history.tries.get(key)
            if last is None or (report.since is not None and report.since > last.last):
                self.reports[key] = report

    def _tell(self, plan: RemediationPlan) -> None:
        """Note what is held back or given up, each once in a run."""
        notes = [Note(str(one), "warning", one.repair.host, one.repair.thing) for one in plan.held]
        notes += [
            Note(_shown(one), "warning", one.host, one.thing, key=f"{_DRIFT}{one.key}")
            for one in plan.reported
            if f"{_DRIFT}{one.key}" not in self.history.alerts
        ]
        for note in notes:
            if f"{note.host}/{note.component}" not in self.told:
                self.told.add(f"{note.host}/{note.component}")
                self.work.note(note)

    def _act(self, seen: ClusterHealth, repairs: tuple[Action, ...]) -> None:
        for repair in repairs:
            self.history = self.history.tried(repair.key, seen.at)
            if repair.kind == "cordon":
                self.history = self.history.with_cordon(repair.host)
        # Before anything is done: what was killed half-way counts as a try, and its cordon is taken back some day.
        self._save()
        for repair in repairs:
            self.work.note(_decided(seen, repair))
        self.work.beat()
        long = [one for one in repairs if one.kind in LONG and seen.host(one.host).is_worker]
        for repair in long:
            self.aside.start(repair, self._one, self.work.clock())
        by_key = {repair.key: repair for repair in repairs if repair not in long}
        for key, result in side_by_side(by_key, lambda key: self._one(by_key[key]), LIMIT).items():
            self._ended(by_key[key], result)
        self._save()

    def _gather(self) -> None:
        """Take in which of the long repairs have ended."""
        ended = list(self.aside.ended(self.work.clock()))
        for repair, result in ended:
            self._ended(repair, result)
        if ended:
            self._save()

    def _save(self) -> None:
        if self.history != self.saved:
            self.work.save(self.history)
            self.saved = self.history

    def _one(self, repair: Action) -> float:
        act(self.work, repair)
        return watch(self.work, repair)

    def _ended(self, repair: Action, result: float | WindlassError) -> None:
        self.reports.pop(repair.key, None)
        is_back = not isinstance(result, WindlassError)
        self.history = self.history.ended(repair.key, self.work.clock(), is_back=is_back)
        if isinstance(result, NotReadyError):
            # It had its time to start, and was watched all the while.
            self.reports[repair.key] = HealthReport(repair.host, repair.thing, repair.failed_checks, repair.seen_from)
        if isinstance(result, WindlassError):
            self.failed.append(f"{repair}: {result}")
            details = {"reason": repair.reason}
            self.work.note(Note(f"in vain: {result}", "warning", repair.host, repair.thing, details))
            return
        self.done.append(str(repair))
        text = f"{repair.thing} on {repair.host} is well again after {result:.1f} s"
        match repair.kind:
            case "cordon":
                text = f"node {repair.host} takes no new pods until all of it is well again"
            case "uncordon":
                self.history = self.history.without_cordon(repair.host)
                text = f"node {repair.host} takes new pods again"
        self.work.note(Note(text, "info", repair.host, repair.thing, {"seconds": round(result, 1)}))

    def _leave(self, plan: RemediationPlan) -> None:
        """Note what the run's time was too short for."""
        for repair in plan.repairs:
            self.work.note(Note(_left(repair), "warning", repair.host, repair.thing))

    def _wait(self, plan: RemediationPlan) -> None:
        if plan.next_time is not None:
            left = (plan.next_time - self.work.clock()).total_seconds()
            self.work.pause(min(max(left, 0.5), 5.0))

    def _settle(self, seen: ClusterHealth, plan: RemediationPlan) -> None:
        """Tell people of what needs them and was not told yet, and of what no longer does."""
        stands = {stop.key: str(stop) for stop in plan.stops}
        stands |= {f"{_DRIFT}{one.key}": _shown(one) for one in plan.reported}
        waiting = self.aside.keys | {one.repair.key for one in plan.held} | {one.key for one in plan.repairs}
        stands |= {
            key: text
            for key, text in self.history.alerts.items()
            if key not in stands
            and _may_stand(key.removeprefix(_DRIFT), seen, waiting, is_drift=key.startswith(_DRIFT))
        }
        for note in _alerts(plan.stops, stands, self.history.alerts):
            self.work.note(note)
        for key in self.history.alerts:
            if key not in stands:
                self.history = self.history.forgotten(key)
        if stands != dict(self.history.alerts):
            self.history = self.history.alerted(stands)
        self._save()

    def _outcome(self, plan: RemediationPlan) -> RemediationResult:
        return RemediationResult(
            tuple(self.done),
            tuple(self.failed),
            (*map(str, plan.held), *map(_left, plan.repairs)),
            tuple(str(one) for one in plan.stops),
            tuple(str(one) for one in plan.reported),
        )


def _left(repair: Action) -> str:
    return f"{repair}: left to the next run, as this one has taken {_LONGEST.total_seconds() / 60:.0f} min"


def _may_stand(key: str, seen: ClusterHealth, waiting: frozenset[str], *, is_drift: bool) -> bool:
    """Say whether nobody knows that what people were told of a thing is over: it was not seen, or only waits."""
    if key in waiting:
        return True
    name, _, thing = key.partition("/")
    host = next((one for one in seen.hosts if one.name == name), None)
    # Of a host itself, and of what the watch has found (`KEY KIND`), it is known whether it is over.
    if host is None or thing == "host" or " " in thing:
        return False
    return not (host.is_compared if is_drift else host.is_reachable)


def _shown(repair: Action) -> str:
    return f"drift, only shown: {repair}"


def _alerts(stops: tuple[NeedsOperator, ...], stands: Mapping[str, str], before: Mapping[str, str]) -> Iterator[Note]:
    for stop in stops:
        if stop.key not in before:
            host = stop.key.partition("/")[0] if "/" in stop.key else ""
            yield Note(str(stop), "error", host, stop.key.rpartition("/")[2], key=stop.key)
    for key, text in before.items():
        if key not in stands:
            host = key.removeprefix(_DRIFT).partition("/")[0] if "/" in key else ""
            yield Note(f"over: {text.partition(';')[0]}", "info", host, key.rpartition("/")[2], key=key)


def _decided(seen: ClusterHealth, repair: Action) -> Note:
    """Return the line of the service log on an act, as Rancher's service log had it."""
    same = [one for host in seen.hosts for one in _things(seen, host.name) if one[0] == repair.thing]
    healthy = sum(health == "healthy" for _, health in same)
    word = WORDS[repair.kind]
    tally = (
        Tally(len(same) or 1, healthy, recreated=1)
        if word == "Recreated"
        else Tally(len(same) or 1, healthy, acts={word: 1})
    )
    if repair.failed_checks:
        text = health_text(tally, repair.thing, repair.host, repair.failed_checks, repair.seen_from)
        text += f" ({repair.reason})" if repair.reason else ""
    else:
        text = f"{word}: {repair.thing} on {repair.host}: {repair.reason}"
    details: dict[str, Detail] = {
        "act": repair.kind,
        "reason": repair.reason,
        "failed_checks": repair.failed_checks,
        "drift": repair.is_drift,
    }
    return Note(text, "warning", repair.host, repair.thing, details)


def _things(seen: ClusterHealth, name: str) -> list[tuple[str, str]]:
    host = seen.host(name)
    services = [(one.component, seen.health(host, one)) for one in host.services]
    return [*services, *((unit.unit, unit.health) for unit in host.units)]
