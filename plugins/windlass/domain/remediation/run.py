"""The course of a remediation run as a pure machine: state and event in; state and commands out.

A run goes in rounds: renew the lease, ask the monitor, observe, plan, and act on the plan. Once nothing obvious is left
a full observation follows, which also finds drift, and ends the run unless that finds something to do, or something
only waits for its time. See `windlass.domain.remediation.commands` for what is asked and answered, and `plan` for what
may be done to which component.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from windlass.domain.host.health import ClusterHealth, HealthReport
from windlass.domain.remediation.actions import Action, Deferred, Kind, RemediationPlan
from windlass.domain.remediation.alerts import alert_notes, drift_notes, standing_alerts
from windlass.domain.remediation.commands import (
    ActionResult,
    ActionsEnded,
    AskMonitor,
    AwaitBackground,
    BackgroundEnded,
    ClusterObserved,
    CollectBackground,
    Command,
    CordonsObserved,
    Depth,
    Execute,
    Heartbeat,
    MonitorAnswered,
    Observe,
    ObserveCordons,
    Report,
    RunEvent,
    Save,
    StartInBackground,
    Wait,
)
from windlass.domain.remediation.history import History
from windlass.domain.remediation.notes import Note, decided_note, deferred_note, ended_note, left_note, left_text
from windlass.domain.remediation.plan import plan_actions
from windlass.domain.remediation.state import BackgroundAction, RunStart, RunState
from windlass.domain.remediation.summary import RemediationResult
from windlass.domain.remediation.triggers import MonitorReports
from windlass.domain.spec.models import Repair as RepairSettings
from windlass.errors import NotReadyError, WindlassError

LONGEST = timedelta(minutes=8)
"""A run that still finds something to do after this ends, and leaves the rest to the next one."""
LIMIT = timedelta(minutes=12)
"""After this an action is given up on; it ends by its own time limits."""
LONG: frozenset[Kind] = frozenset({"restore-files", "replace-host"})
"""What may take minutes: something is downloaded, or a machine starts. On workers it goes on in the background."""
_BACKGROUND_SECONDS = 2.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
_MINUTES = LONGEST.total_seconds() / 60


Step = tuple[RunState, tuple[Command, ...]]
"""The state after a step, and what is to be done now, in this order. A run without a command left has ended."""


def begin(settings: RepairSettings, start: RunStart, now: datetime) -> Step:
    """Return a run at its beginning. A person's run counts the tries of each component from the beginning."""
    history = start.history.asked() if start.origin.by_person else start.history
    depth: Depth = "quick" if start.reports else "full"
    state = RunState(settings, start.origin, now + LONGEST, depth, history, start.history, start.reports, start.notices)
    return state, _next_round(state)


def step(state: RunState, event: RunEvent, now: datetime) -> Step:
    """Return the run after an event at `now`, and what is to be done next."""
    match event:
        case ActionsEnded(results):
            state, commands = _record(state, results, now)
            return state, (*commands, *_next_round(state))
        case BackgroundEnded(results):
            state, commands = _record(state, _ended_in_background(state, results, now), now)
            return state, (*commands, *_new_round())
        case MonitorAnswered(reports):
            state = state if reports is None else _take_reports(state, reports)
            return state, (Observe(state.depth, state.reports),)
        case ClusterObserved(cluster):
            plan = plan_actions(state.settings, cluster, state.history, state.origin)
            if _do_cordons_matter(state, plan):
                return state, (ObserveCordons(cluster),)
            return _decide(state, cluster, _limit(state, cluster, plan), now)
        case CordonsObserved(cluster):
            state = replace(state, history=_with_cordons(state.history, cluster))
            plan = plan_actions(state.settings, cluster, state.history, state.origin)
            return _decide(state, cluster, _limit(state, cluster, plan), now)


def _next_round(state: RunState) -> tuple[Command, ...]:
    return (CollectBackground(),) if state.background else _new_round()


def _new_round() -> tuple[Command, ...]:
    return Heartbeat(), AskMonitor()


def _take_reports(state: RunState, found: MonitorReports) -> RunState:
    """Take in what the monitor has found since the run began: runs that are started by it leave it to this one.

    What began to fail before the last try of it is not taken in again: that try was about it.
    """
    reports = dict(state.reports)
    for key, report in found.reports.items():
        last = state.history.tries.get(key)
        if last is None or (report.since is not None and report.since > last.last):
            reports[key] = report
    return replace(state, reports=reports, notices=found.notices)


def _do_cordons_matter(state: RunState, plan: RemediationPlan) -> bool:
    """Say whether the API must be asked for cordons: only it knows which nodes are cordoned already."""
    is_due = any(action.kind == "cordon" for action in plan.actions)
    return is_due or (state.depth == "full" and bool(state.history.cordoned))


def _with_cordons(history: History, cluster: ClusterHealth) -> History:
    ours = frozenset(host.name for host in cluster.hosts if host.has_our_cordon)
    unknown = frozenset(host.name for host in cluster.hosts if host.is_cordoned is None)
    return history.with_observed_cordons(ours, unknown)


def _limit(state: RunState, observed: ClusterHealth, plan: RemediationPlan) -> RemediationPlan:
    """Return the plan with the monitor's notices; a host where a longer action is under way is left alone meanwhile."""
    busy = {one.action.host for one in state.background.values()}
    others = {one.host for one in plan.actions if not _is_long(observed, one)}
    deferred = [Deferred(one, "a longer action on its host is under way") for one in plan.actions if one.host in busy]
    deferred += [
        Deferred(one, "other actions on its host come first")
        for one in plan.actions
        if one.host in others - busy and _is_long(observed, one)
    ]
    later = [one.action for one in deferred]
    return replace(
        plan,
        actions=tuple(one for one in plan.actions if one not in later),
        deferred=(*plan.deferred, *deferred),
        needs_operator=(*plan.needs_operator, *state.notices),
    )


def _is_long(observed: ClusterHealth, action: Action) -> bool:
    """Say whether an action goes on in the background."""
    return action.kind in LONG and observed.host(action.host).is_worker


def _decide(state: RunState, observed: ClusterHealth, plan: RemediationPlan, now: datetime) -> Step:
    state, noted = _note_plan(state, plan)
    is_late = now > state.deadline
    if plan.actions and not is_late:
        state, commands = _act(state, observed, plan.actions, now)
    elif state.background:
        state, commands = _settle(state, observed, plan)
        commands = (*commands, AwaitBackground(_BACKGROUND_SECONDS), *_next_round(state))
    elif state.depth == "quick":
        state, commands = replace(state, depth="full"), _next_round(state)
    elif plan.actions or plan.next_time is None or is_late:
        state, commands = _end(state, observed, plan)
    else:
        state, commands = _wait(state, observed, plan, plan.next_time - now)
    return state, (*noted, *commands)


def _note_plan(state: RunState, plan: RemediationPlan) -> Step:
    """Note what is deferred or only reported, each once in a run."""
    notes = [*map(deferred_note, plan.deferred), *drift_notes(plan.reported, state.history.alerts)]
    due: dict[str, Note] = {}
    for note in notes:
        due.setdefault(f"{note.host}/{note.component}", note)
    new = {key: note for key, note in due.items() if key not in state.noted}
    return replace(state, noted=state.noted | new.keys()), tuple(map(Report, new.values()))


def _act(state: RunState, observed: ClusterHealth, actions: tuple[Action, ...], now: datetime) -> Step:
    history = state.history
    for action in actions:
        history = history.tried(action.key, observed.at)
        history = history.with_cordon(action.host) if action.kind == "cordon" else history
    # Before anything is done: what was killed half-way counts as a try, and its cordon is taken back some day.
    state, saved = _save(replace(state, history=history, depth="quick"))
    background = [one for one in actions if _is_long(observed, one)]
    under_way = {one.key: BackgroundAction(one, now) for one in background}
    state = replace(state, background={**state.background, **under_way})
    rest = tuple(one for one in actions if one not in background)
    return state, (
        *saved,
        *(Report(decided_note(observed, one)) for one in actions),
        Heartbeat(),
        *map(StartInBackground, background),
        *((Execute(rest, LIMIT),) if rest else _next_round(state)),
    )


def _wait(state: RunState, observed: ClusterHealth, plan: RemediationPlan, left: timedelta) -> Step:
    state, commands = _settle(state, observed, plan)  # whoever is needed is notified before the run waits, not after
    pause = Wait(min(max(left.total_seconds(), _SHORTEST_PAUSE), _LONGEST_PAUSE))
    return replace(state, depth="quick"), (*commands, pause, *_next_round(state))


def _end(state: RunState, observed: ClusterHealth, plan: RemediationPlan) -> Step:
    """End the run, and say what its time was too short for."""
    state, commands = _settle(state, observed, plan)
    result = RemediationResult(
        state.done,
        state.failed,
        (*map(str, plan.deferred), *(left_text(one, _MINUTES) for one in plan.actions)),
        tuple(map(str, plan.needs_operator)),
        tuple(map(str, plan.reported)),
    )
    return replace(state, result=result), (*(Report(left_note(one, _MINUTES)) for one in plan.actions), *commands)


def _settle(state: RunState, observed: ClusterHealth, plan: RemediationPlan) -> Step:
    """Notify people of what needs them and is no alert yet, and of what no longer does."""
    before = state.history.alerts
    stand = standing_alerts(before, observed, plan, frozenset(state.background))
    notes = tuple(map(Report, alert_notes(plan.needs_operator, stand, before)))
    history = state.history
    for key in before:
        history = history if key in stand else history.forgotten(key)
    state, saved = _save(replace(state, history=history.alerted(stand)))
    return state, (*notes, *saved)


def _ended_in_background(state: RunState, results: Iterable[ActionResult], now: datetime) -> tuple[ActionResult, ...]:
    """Return what has ended of what is known to be in the background, or has had its time."""
    ended = {one.action.key: one for one in results}
    for key, one in state.background.items():
        if key not in ended and now - one.began > LIMIT:
            error = NotReadyError(f"{one.action.host}: no answer within {LIMIT.total_seconds():.0f} s")
            ended[key] = ActionResult(one.action, error)
    return tuple(one for key, one in ended.items() if key in state.background)


def _record(state: RunState, results: Iterable[ActionResult], now: datetime) -> Step:
    notes = []
    for result in results:
        state = _with_result(state, result, now)
        notes.append(Report(ended_note(result.action, result.outcome)))
    state, saved = _save(state)
    return state, (*notes, *saved)


def _with_result(state: RunState, result: ActionResult, now: datetime) -> RunState:
    action, outcome = result.action, result.outcome
    reports = {key: report for key, report in state.reports.items() if key != action.key}
    background = {key: one for key, one in state.background.items() if key != action.key}
    is_back = not isinstance(outcome, WindlassError)
    history = state.history.ended(action.key, now, is_back=is_back)
    if isinstance(outcome, NotReadyError):
        # It had its time to start, and was watched all the while.
        reports[action.key] = HealthReport(action.host, action.component, action.failed_checks, action.seen_from)
    if is_back and action.kind == "uncordon":
        history = history.without_cordon(action.host)
    state = replace(state, reports=reports, background=background, history=history)
    if isinstance(outcome, WindlassError):
        return replace(state, failed=(*state.failed, f"{action}: {outcome}"))
    return replace(state, done=(*state.done, str(action)))


def _save(state: RunState) -> Step:
    if state.history == state.saved:
        return state, ()
    return replace(state, saved=state.history), (Save(state.history),)
