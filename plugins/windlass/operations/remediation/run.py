"""The loop of a remediation run: execute what `windlass.domain.remediation.run` commands, and give it the answers."""

from __future__ import annotations

from collections import deque

from windlass.domain.remediation import ClusterHealth, RemediationPlan, plan_actions
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
from windlass.domain.remediation.run import LIMIT, begin, step
from windlass.domain.remediation.state import RunStart, RunState
from windlass.domain.remediation.summary import RemediationResult
from windlass.errors import SkippedError
from windlass.operations.remediation.addons import observe_addons
from windlass.operations.remediation.background import BackgroundActions
from windlass.operations.remediation.context import RemediationContext, RunCallbacks
from windlass.operations.remediation.detect_drift import detect_drift
from windlass.operations.remediation.execute import perform
from windlass.operations.remediation.observe import observe_cluster, observe_cordons, side_by_side


def remediate(context: RemediationContext, callbacks: RunCallbacks, start: RunStart) -> RemediationResult:
    """Act until nothing is left to do now; every decision and action is reported as it comes."""
    executor = _Executor(context, callbacks)
    state, commands = begin(context.session.cluster.spec.repair, start, context.clock())
    due = deque(commands)
    try:
        return _until_nothing_is_due(executor, state, due, context)
    except SkippedError:
        executor.finish_background()  # whoever has the cluster next must not meet what this run has begun
        raise


def _until_nothing_is_due(
    executor: _Executor, state: RunState, due: deque[Command], context: RemediationContext
) -> RemediationResult:
    while due:
        event = executor.execute(due.popleft())
        if event is not None:
            state, commands = step(state, event, context.clock())
            due.extend(commands)
    if state.result is None:
        raise AssertionError("the run has nothing left to do and no result")
    return state.result


def show_plan(context: RemediationContext, start: RunStart) -> RemediationPlan:
    """Return what a run would do now, drift included; nothing is changed."""
    observed = detect_drift(context, observe_cluster(context, start.reports, is_patient=True))
    observed = observe_addons(context, observed)
    if start.history.cordoned:
        observed = observe_cordons(context, observed)
    return plan_actions(context.session.cluster.spec.repair, observed, start.history, start.origin)


class _Executor:
    """Executes the commands of one run."""

    def __init__(self, context: RemediationContext, callbacks: RunCallbacks) -> None:
        self._context = context
        self._callbacks = callbacks
        self._background = BackgroundActions(lambda action: perform(context, action))

    def finish_background(self) -> None:
        """Wait until what goes on in the background has ended, for as long as it may take."""
        self._background.finish(LIMIT.total_seconds())

    def execute(self, command: Command) -> RunEvent | None:
        """Execute one command; return the answer to it, if it is one that is answered."""
        context, callbacks, background = self._context, self._callbacks, self._background
        match command:
            case Heartbeat():
                callbacks.heartbeat()
            case Save(history):
                callbacks.save(history)
            case Report(note):
                context.report(note)
            case StartInBackground(action):
                background.start(action)
            case AwaitBackground(seconds):
                background.wait(seconds)
            case Wait(seconds):
                callbacks.pause(seconds)
            case _:
                return self._answer(command)
        return None

    def _answer(self, command: AskMonitor | Observe | ObserveCordons | Execute | CollectBackground) -> RunEvent:
        match command:
            case AskMonitor():
                return MonitorAnswered(self._callbacks.monitor())
            case Observe():
                return ClusterObserved(self._observe(command))
            case ObserveCordons(observed):
                return CordonsObserved(observe_cordons(self._context, observed))
            case Execute():
                return ActionsEnded(self._perform(command))
            case CollectBackground():
                return BackgroundEnded(tuple(self._background.ended()))

    def _observe(self, command: Observe) -> ClusterHealth:
        is_full = command.depth == "full"
        observed = observe_cluster(self._context, command.reports, is_patient=is_full)
        if is_full or any(not report.host for report in command.reports.values()):
            observed = observe_addons(self._context, observed)
        return detect_drift(self._context, observed) if is_full else observed

    def _perform(self, command: Execute) -> tuple[ActionResult, ...]:
        by_key = {action.key: action for action in command.actions}
        outcomes = side_by_side(by_key, lambda key: perform(self._context, by_key[key]), command.limit)
        return tuple(ActionResult(by_key[key], outcome) for key, outcome in outcomes.items())
