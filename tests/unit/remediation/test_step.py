"""A run as a pure machine: what is done in which order, what is waited for, and when it ends; no host, no clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unit.remediation.broken import World, worlds
from unit.remediation.clusters import NOW, SETTINGS, cluster, control_plane, service, worker
from unit.remediation.simulation import Simulation
from windlass.domain.remediation import Action, ClusterHealth, HealthReport, History, NeedsOperator, Tries
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
    Save,
    StartInBackground,
    Wait,
)
from windlass.domain.remediation.history import pause_after
from windlass.domain.remediation.plan import RunOrigin
from windlass.domain.remediation.run import LIMIT, LONGEST, begin, step
from windlass.domain.remediation.state import RunStart, RunState
from windlass.domain.remediation.triggers import MonitorReports
from windlass.domain.remediation.worker_limit import allowed_workers
from windlass.errors import NotReadyError, RefusedError

SCHEDULER = "cp-2/kube-scheduler"
ENDED = cluster(control_plane("cp-2", service("kube-scheduler", "exited")))
DRIFTED = cluster(worker("w-1", lost_files=("/etc/windlass/x is another",), is_compared=True))
REPORT = HealthReport("cp-2", "kube-scheduler", 3, ("cp-1", "cp-3"))


def begun(*reports: HealthReport, **more: object) -> RunState:
    """Return a run that is about to observe, with reports quickly and without them in full."""
    start = RunStart(reports={one.key: one for one in reports}, **more)  # type: ignore[arg-type]
    return begin(SETTINGS, start, NOW)[0]


def observing(state: RunState, observed: ClusterHealth, seconds: float = 0) -> tuple[RunState, tuple[Command, ...]]:
    at = NOW + timedelta(seconds=seconds)
    return step(state, ClusterObserved(replace(observed, at=at, reports=state.reports)), at)


def kinds(commands: tuple[Command, ...]) -> list[type]:
    return [type(one) for one in commands]


def texts(commands: tuple[Command, ...]) -> list[str]:
    return [one.note.text for one in commands if isinstance(one, Report)]


def acting(state: RunState, observed: ClusterHealth) -> tuple[RunState, Action]:
    state, commands = observing(state, observed)
    (execute,) = [one for one in commands if isinstance(one, Execute)]
    return state, execute.actions[0]


def test_a_round_renews_the_lease_and_asks_the_monitor_before_it_observes() -> None:
    state, commands = begin(SETTINGS, RunStart(reports={SCHEDULER: REPORT}), NOW)
    assert commands == (Heartbeat(), AskMonitor())
    assert step(state, MonitorAnswered(None), NOW) == (state, (Observe("quick", {SCHEDULER: REPORT}),))


def test_a_run_without_reports_begins_with_a_full_observation_and_ends_where_all_is_healthy() -> None:
    state, commands = observing(begun(), cluster())
    assert step(begun(), MonitorAnswered(None), NOW)[1] == (Observe("full", {}),)
    assert commands == ()
    assert state.result is not None
    assert state.result.is_healthy


def test_a_full_observation_follows_where_nothing_obvious_is_left() -> None:
    state, commands = observing(begun(REPORT), cluster())
    assert (state.depth, state.result, commands) == ("full", None, (Heartbeat(), AskMonitor()))
    assert observing(state, cluster())[0].result is not None


def test_a_try_is_counted_and_stored_noted_and_the_lease_renewed_before_it_is_made() -> None:
    _, commands = observing(begun(REPORT), ENDED)
    assert kinds(commands) == [Save, Report, Heartbeat, Execute]
    save, note, _, execute = commands
    assert isinstance(save, Save)
    assert save.history.count(SCHEDULER, NOW) == 1
    assert isinstance(note, Report)
    assert note.note.text.startswith("Requested 3, Healthy 2, Recreated 1: kube-scheduler on cp-2, 3 failed checks")
    assert isinstance(execute, Execute)
    assert ([one.key for one in execute.actions], execute.limit) == ([SCHEDULER], LIMIT)


def test_what_came_back_is_noted_and_stored_and_all_is_observed_again() -> None:
    state, action = acting(begun(REPORT), ENDED)
    later = NOW + timedelta(seconds=7)
    state, commands = step(state, ActionsEnded((ActionResult(action, 6.13),)), later)
    assert kinds(commands) == [Report, Save, Heartbeat, AskMonitor]
    assert texts(commands) == ["kube-scheduler on cp-2 is healthy again after 6.1 s"]
    assert (state.reports, state.history.tries[SCHEDULER], state.done) == ({}, Tries(1, later, 0), (str(action),))


@pytest.mark.parametrize(
    ("error", "reported"), [(NotReadyError("not back"), {SCHEDULER}), (RefusedError("not allowed"), set())]
)
def test_only_what_had_its_time_to_start_is_unhealthy_without_more_time(error: Exception, reported: set[str]) -> None:
    state, action = acting(begun(REPORT), ENDED)
    state, commands = step(state, ActionsEnded((ActionResult(action, error),)), NOW)  # type: ignore[arg-type]
    assert set(state.reports) == reported
    assert texts(commands) == [f"failed: {error}"]
    assert (state.done, state.failed) == ((), (f"{action}: {error}",))
    assert state.history.failed(SCHEDULER, NOW) == 1


def test_a_long_action_on_a_worker_goes_on_in_the_background_and_its_host_is_left_alone() -> None:
    state, commands = observing(begun(), DRIFTED)
    assert kinds(commands) == [Save, Report, Heartbeat, StartInBackground, CollectBackground]
    state, commands = step(state, BackgroundEnded(()), NOW)
    assert commands == (Heartbeat(), AskMonitor())
    state, commands = observing(state, cluster(worker("w-1", "kubelet")), 2)
    assert texts(commands) == ["not now: restart-unit kubelet on w-1: ; a longer action on its host is under way"]
    assert kinds(commands)[-2:] == [AwaitBackground, CollectBackground]


def test_what_else_is_due_on_a_host_comes_before_a_long_action_there() -> None:
    host = worker("w-1", "kubelet", lost_files=("/etc/windlass/x is another",), is_compared=True)
    _, commands = observing(begun(), cluster(host))
    assert not any(isinstance(one, StartInBackground) for one in commands)
    assert [[action.key for action in one.actions] for one in commands if isinstance(one, Execute)] == [["w-1/kubelet"]]
    assert "other actions on its host come first" in texts(commands)[0]


def test_others_are_acted_on_while_an_action_is_in_the_background() -> None:
    state, _ = observing(begun(), DRIFTED)
    assert [one.action.key for one in state.background.values()] == ["w-1/files"]
    state, action = acting(state, ENDED)
    assert action.key == SCHEDULER
    _, commands = step(state, ActionsEnded((ActionResult(action, 1.0),)), NOW)
    assert kinds(commands)[-1] is CollectBackground


def test_an_action_in_the_background_is_given_up_on_after_its_time_and_its_end_is_no_news_then() -> None:
    state, _ = observing(begun(), DRIFTED)
    (under_way,) = state.background.values()
    assert step(state, BackgroundEnded(()), NOW + LIMIT)[0].background
    state, commands = step(state, BackgroundEnded(()), NOW + LIMIT + timedelta(seconds=1))
    assert texts(commands) == ["failed: w-1: no answer within 720 s"]
    assert (state.background, len(state.failed)) == ({}, 1)
    late = ActionResult(under_way.action, 800.0)
    assert step(state, BackgroundEnded((late,)), NOW + LIMIT + timedelta(seconds=2))[0] == state


def test_a_run_ends_only_when_nothing_is_in_the_background() -> None:
    state, _ = observing(begun(), DRIFTED)
    late = LONGEST.total_seconds() + 1
    state, commands = observing(state, cluster(), late)
    assert (state.result, kinds(commands)) == (None, [AwaitBackground, CollectBackground])


def test_what_waits_only_for_its_time_is_waited_for_in_short_pauses_after_people_are_notified() -> None:
    tried = History({SCHEDULER: Tries(3, NOW)})  # so that its next try is due after 20 s
    silent = cluster(control_plane("cp-2", service("kube-scheduler", "exited")), worker("w-1", unreachable="timed out"))
    state, commands = observing(begun(history=tried), silent)
    assert kinds(commands) == [Report, Report, Save, Wait, Heartbeat, AskMonitor]
    assert "w-1 does not answer: timed out" in texts(commands)[1]
    assert Wait(5.0) in commands
    assert (state.depth, state.result) == ("quick", None)
    state, commands = observing(replace(state, depth="full"), silent, 19.9)
    assert [one for one in commands if isinstance(one, Report | Wait)] == [Wait(0.5)]


def test_a_late_run_observes_once_more_in_full_and_says_what_it_leaves() -> None:
    late = LONGEST.total_seconds() + 1
    state, commands = observing(begun(REPORT), ENDED, late)
    assert (state.depth, commands) == ("full", (Heartbeat(), AskMonitor()))
    state, commands = observing(state, ENDED, late)
    (left,) = texts(commands)
    assert left.endswith("left to the next run, as this one has taken 8 min")
    assert state.result is not None
    assert state.result.deferred == (left,)
    assert not state.result.is_healthy


def test_what_the_monitor_finds_meanwhile_is_taken_in_unless_the_last_try_was_about_it() -> None:
    state = replace(begun(), history=History({SCHEDULER: Tries(1, NOW)}))
    before, after = (replace(REPORT, since=NOW + timedelta(seconds=one)) for one in (-10, 10))
    other = HealthReport("cp-1", "etcd")
    notice = NeedsOperator("w-1/kubelet network_cut", "cut", "fix it")
    for report, known in ((before, {"cp-1/etcd"}), (after, {"cp-1/etcd", SCHEDULER}), (REPORT, {"cp-1/etcd"})):
        found = MonitorReports({SCHEDULER: report, "cp-1/etcd": other}, (notice,))
        answered, (command,) = step(state, MonitorAnswered(found), NOW)
        assert isinstance(command, Observe)
        assert (set(command.reports), answered.notices) == (known, (notice,))


def test_what_the_monitor_finds_needs_an_operator_until_the_monitor_says_that_it_is_over() -> None:
    notice = NeedsOperator("w-1/kubelet network_cut", "cut", "fix it")
    state, commands = observing(begun(notices=(notice,)), cluster())
    assert texts(commands) == ["cut; fix it"]
    assert state.result is not None
    assert state.result.needs_operator == ("cut; fix it",)
    state, commands = observing(begun(history=state.history), cluster())
    assert texts(commands) == ["over: cut"]
    assert state.history.alerts == {}


def test_an_alert_of_a_component_that_was_not_observed_stands() -> None:
    alerts = {SCHEDULER: "given up; look", "w-1/files": "given up too; look"}
    silent = cluster(control_plane("cp-2", unreachable="timed out"), worker("w-1"))
    state, commands = observing(begun(history=History(alerts=alerts)), silent)
    assert set(state.history.alerts) == {SCHEDULER, "cp-2/host"}
    assert "over: given up too" in texts(commands)


def test_the_api_is_asked_for_cordons_only_where_they_matter() -> None:
    given_up = cluster(worker("w-1", "kubelet"))
    history = History({"w-1/kubelet": Tries(5, NOW)})
    state, commands = observing(begun(history=history), given_up)
    assert kinds(commands) == [ObserveCordons]
    observed = replace(given_up, hosts=tuple(replace(one, is_cordoned=one.name == "w-1") for one in given_up.hosts))
    state, commands = step(state, CordonsObserved(observed), NOW)
    assert not any(isinstance(one, Execute) for one in commands)
    assert state.result is not None
    assert observing(begun(), cluster())[1] == ()
    assert kinds(observing(begun(history=History(cordoned=frozenset({"w-1"}))), cluster())[1]) == [ObserveCordons]


def test_where_the_api_does_not_answer_nothing_is_cordoned_and_what_is_known_of_cordons_stays() -> None:
    given_up = cluster(worker("w-1", "kubelet"))
    history = History({"w-1/kubelet": Tries(5, NOW)}, cordoned=frozenset({"w-2"}))
    state, _ = observing(begun(history=history), given_up)
    unknown = replace(given_up, hosts=tuple(replace(one, is_cordoned=None) for one in given_up.hosts))
    state, commands = step(state, CordonsObserved(unknown), NOW)
    assert not any(isinstance(one, Execute) for one in commands)
    assert state.result is not None
    assert state.history.cordoned == {"w-2"}


def test_a_cordon_is_written_down_before_it_is_made_and_forgotten_once_it_is_taken_back() -> None:
    history = History({"w-1/kubelet": Tries(5, NOW)})
    state, commands = observing(begun(history=history), cluster(worker("w-1", "kubelet")))
    state, commands = step(state, CordonsObserved(cluster(worker("w-1", "kubelet"))), NOW)
    saved = next(one for one in commands if isinstance(one, Save))
    assert saved.history.cordoned == {"w-1"}
    action = Action("uncordon", "w-1", "host", "all of it is healthy again")
    state = replace(state, history=state.history.tried(action.key, NOW))
    state, commands = step(state, ActionsEnded((ActionResult(action, 0.0),)), NOW)
    assert state.history.cordoned == frozenset()
    assert "w-1/host" not in state.history.tries
    assert texts(commands) == ["node w-1 takes new pods again"]


def test_a_person_starts_the_count_over_and_what_was_given_up_on_is_tried_again() -> None:
    history = History({SCHEDULER: Tries(5, NOW)}, {SCHEDULER: "given up; look"})
    assert not any(isinstance(one, Execute) for one in observing(begun(history=history), ENDED)[1])
    state, action = acting(begun(history=history, origin=RunOrigin(by_person=True)), ENDED)
    assert action.key == SCHEDULER
    assert state.history.alerts == {SCHEDULER: "given up; look"}


def test_what_is_deferred_is_noted_once_in_a_run() -> None:
    state, commands = observing(begun(history=History({SCHEDULER: Tries(3, NOW)})), ENDED)
    assert len(texts(commands)) == 1
    assert texts(observing(replace(state, depth="full"), ENDED, 1)[1]) == []


@st.composite
def drifting_worlds(draw: st.DrawFn) -> World:
    """Return worlds in which files of workers are others than rendered, besides what is broken."""
    world = draw(worlds())
    for name in draw(st.sets(st.sampled_from(("w-1", "w-2", "w-3")))):
        world.broken[f"{name}/files"] = "drifted"
    hopeless = draw(st.sets(st.sampled_from(sorted(world.broken)), max_size=2)) if world.broken else set()
    world.hopeless = frozenset(hopeless)
    return world


def check_limits(simulation: Simulation, begun: list[tuple[float, Action]]) -> None:
    """Check what was begun since the last observation: quorum, workers, one at a time on the control plane."""
    observed = simulation.observed
    assert observed is not None
    workers = [host for host in observed.hosts if host.is_worker]
    unhealthy = [host for host in workers if observed.is_unhealthy(host)]
    is_over_limit = len(unhealthy) > allowed_workers(SETTINGS.max_unhealthy_workers, len(workers))
    ours = [action for _, action in begun if not observed.host(action.host).is_worker]
    assert len(ours) <= 1
    for _, action in begun:
        host = observed.host(action.host)
        assert host.is_reachable
        assert not (is_over_limit and host.is_worker) or action.kind in {"cordon", "uncordon"}
        if action.kind == "replace-member":
            assert observed.membership is not None
            assert observed.membership.has_quorum


class Checked(Simulation):
    """A simulation that checks each action as it is begun."""

    def execute(self, command: Command) -> object:  # type: ignore[override]
        before, hosts = len(self.begun), {action.host for action, _ in self.under_way.values()}
        event = super().execute(command)
        begun = self.begun[before:]
        if begun:
            check_limits(self, begun)
        assert not hosts & {action.host for _, action in begun}, "a host with an action in the background is left alone"
        return event


def check_pauses(begun: list[tuple[float, Action]]) -> None:
    times: dict[str, list[float]] = {}
    for at, action in begun:
        times.setdefault(action.key, []).append(at)
    for key, tries in times.items():
        assert len(tries) <= SETTINGS.tries, f"{key} is tried {len(tries)} times"
        for count, (first, second) in enumerate(pairwise(tries), start=1):
            assert second - first >= pause_after(count).total_seconds(), f"{key} is tried again within its pause"


@settings(max_examples=60, deadline=None)
@given(drifting_worlds(), st.sampled_from([2.0, 60.0, 200.0]))
def test_a_run_always_ends_and_keeps_its_pauses_and_limits(world: World, slowness: float) -> None:
    simulation = Checked(world, slowness)
    state = simulation.run()
    assert state is not None
    assert state.result is not None
    assert state.saved == state.history == world.history
    assert state.background == {}
    check_pauses(simulation.begun)


@settings(max_examples=40, deadline=None)
@given(drifting_worlds(), st.lists(st.integers(1, 60), max_size=3))
def test_runs_that_are_killed_anywhere_keep_the_pauses_and_limits_all_the_same(world: World, kills: list[int]) -> None:
    simulation = Checked(world)
    for commands in kills:
        simulation.run(killed_after=commands)
    state = simulation.run()
    assert state is not None
    assert state.result is not None
    check_pauses(simulation.begun)
