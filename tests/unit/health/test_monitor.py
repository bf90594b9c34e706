"""One cluster watched in a simulated world: what is noticed, how fast, and what must never be taken for trouble."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.domain.health import Finding, HealthMonitor, Kind, Status, Subject
from windlass.domain.health.host_report import HostReport

from .world import ORIGIN, World, plan

HOSTS = ("cp-1", "cp-2", "cp-3", "w-1")
API = Subject("cp-1", "kube-apiserver")


def world() -> World:
    made = World(plan(HOSTS))
    made.settle()
    return made


def statuses(made: World) -> set[str]:
    return {one["status"] for one in made.watch.status(made.now)["subjects"]}


def test_a_quiet_cluster_is_healthy_and_one_vantage_point_looks_at_each_subject() -> None:
    made = world()
    made.run(60)
    assert statuses(made) == {"healthy"}
    assert made.opened == []
    assert len(made._due) == len(made.plan.checks)


def test_a_process_that_ended_is_noticed_within_three_looks() -> None:
    made = world()
    made.down.add(API)
    made.run(6.5)
    (finding,) = made.opened
    assert (finding.host, finding.component, finding.kind) == ("cp-1", "kube-apiserver", Kind.PROCESS_DOWN)
    assert len(finding.seen_from) >= 2
    assert finding.failed_checks >= 3
    assert "refused" in finding.evidence


def test_one_trouble_is_told_once_and_its_end_too() -> None:
    made = world()
    made.down.add(API)
    made.run(120)
    assert len(made.opened) == 1
    made.down.clear()
    made.run(10)
    assert [finding.id for finding in made.closed] == [made.opened[0].id]
    assert statuses(made) == {"healthy"}
    assert made.watch.is_calm


def test_a_host_that_is_down_is_one_finding() -> None:
    made = World(plan(HOSTS, ("kube-apiserver", "kube-scheduler")))
    made.settle()
    made.dead.add("cp-1")
    made.run(60)
    assert [(one.host, one.component, one.kind) for one in made.opened] == [("cp-1", "host", Kind.HOST_DOWN)]
    assert "the host itself does not answer" in made.opened[0].evidence


def test_a_network_that_is_cut_is_told_apart_from_a_host_that_is_down() -> None:
    made = world()
    made.cut.add("cp-1")
    made.run(60)
    assert {(one.host, one.kind) for one in made.opened} == {("cp-1", Kind.NETWORK_CUT)}


def test_what_a_dead_host_looked_at_is_looked_at_by_another() -> None:
    made = world()
    made.dead.add("cp-2")
    made.run(60)
    made.opened.clear()
    for subject in (check.subject for check in made.plan.checks):
        if subject.host in {"cp-1", "cp-3"}:
            made.down.add(subject)
    made.run(8)
    assert {one.host for one in made.opened} == {"cp-1", "cp-3"}


def test_a_container_that_docker_starts_again_gets_its_time() -> None:
    made = world()
    made.down.add(API)
    made.started[API] = made.now + 1
    made.run(30)
    assert made.opened == []
    made.run(60)
    assert [one.component for one in made.opened] == ["kube-apiserver"]


def test_a_container_that_came_up_and_then_fails_gets_no_time_to_start() -> None:
    made = world()
    made.down.add(API)
    made.run(10)
    made.down.remove(API)
    made.started[API] = made.now
    made.run(10)
    assert [len(made.opened), len(made.closed)] == [1, 1]
    made.opened.clear()
    made.down.add(API)
    made.run(8)
    assert [one.component for one in made.opened] == ["kube-apiserver"]


def test_a_quick_restart_that_no_look_saw_excuses_nothing_later() -> None:
    made = world()
    made.started[API] = made.now
    made.run(30)
    made.down.add(API)
    made.run(8)
    assert [one.component for one in made.opened] == ["kube-apiserver"]


def test_a_start_that_is_yet_to_come_excuses_nothing() -> None:
    made = world()
    made.started[API] = made.now + 7200  # the host's clock was set back by two hours
    made.down.add(API)
    made.run(8)
    assert [one.component for one in made.opened] == ["kube-apiserver"]


def test_what_has_time_to_start_has_no_more_of_it_with_the_next_watcher() -> None:
    made = world()
    made.down.add(API)
    made.started[API] = made.now + 1
    made.run(20)
    again = known_to_the_next(made)
    again.down.add(API)
    again.run(30)
    assert again.opened == []
    again.run(20)
    assert [one.component for one in again.opened] == ["kube-apiserver"]


def test_a_host_that_dies_after_its_service_was_down_is_a_host_that_is_down() -> None:
    made = World(plan(HOSTS, ("kubelet",)))
    made.settle()
    made.down.add(Subject("w-1", "kubelet"))
    made.run(10)
    assert [one.kind for one in made.watch.findings] == [Kind.PROCESS_DOWN]
    made.dead.add("w-1")
    made.run(40)
    for _ in range(3):
        made.watch.heartbeats.failed("w-1", "w-1: no connection", made.now)
    made.run(90)
    assert [(one.component, one.kind) for one in made.watch.findings] == [("host", Kind.HOST_DOWN)]


def test_a_container_that_starts_again_and_again_earns_its_time_once() -> None:
    made = world()
    made.down.add(API)

    def crash(at: World) -> None:
        at.started[API] = at.now

    made.run(90, crash)
    assert [one.component for one in made.opened] == ["kube-apiserver"]


def test_a_new_subject_has_time_to_come_up() -> None:
    made = World(plan(HOSTS))
    made.down.add(API)
    made.run(55)
    assert made.opened == []
    made.run(15)
    assert [one.component for one in made.opened] == ["kube-apiserver"]


def test_a_watcher_that_starts_over_gives_no_time_and_tells_nothing_twice() -> None:
    made = world()
    made.down.add(API)
    made.run(10)
    status = made.watch.status(made.now)
    again = World(plan(HOSTS))
    again.watch = HealthMonitor(again.plan, ORIGIN, again.now, status)
    for host in HOSTS:
        again.watch.heartbeats.message(host, 0.0)
    again._tick()
    again.down.add(API)
    again.run(30)
    assert again.opened == []
    assert [one.id for one in again.watch.findings] == [made.opened[0].id]
    again.down.clear()
    again.run(10)
    assert [one.id for one in again.closed] == [made.opened[0].id]


def known_to_the_next(made: World, *hosts: str) -> World:
    """Return what the next watcher makes of `made`, whose cluster has `hosts` by now."""
    again = World(plan(hosts or HOSTS))
    again.now = made.now
    again.watch = HealthMonitor(again.plan, ORIGIN, again.now, made.watch.status(made.now))
    return again


def test_what_was_found_on_a_host_that_has_left_the_cluster_is_over() -> None:
    made = world()
    for _ in range(2):
        made.watch.report("w-1", HostReport("node", "w-1", "NotReady"), made.now, "cp-1")
        made.watch.report("w-1", HostReport("disk", "/", "3"), made.now)
    again = known_to_the_next(made, "cp-1", "cp-2", "cp-3")
    again.watch.tick(again.now)
    assert again.watch.findings == ()


def test_that_a_clock_is_right_again_is_asked_for_by_the_next_watcher_too() -> None:
    made = world()
    for _ in range(2):
        made.watch.report("w-1", HostReport("clock", "clock", "-9"), made.now)
    again = known_to_the_next(made)
    assert again.watch.is_doubtful("w-1", "clock")
    assert not again.watch.is_doubtful("cp-1", "clock")
    for _ in range(2):
        again.watch.report("w-1", HostReport("clock", "clock", "0"), again.now)
    assert (again.watch.findings, again.watch.is_doubtful("w-1", "clock")) == ((), False)


def test_a_single_host_is_looked_at_by_itself_and_missed_by_airflow() -> None:
    made = World(plan(("all-1",)))
    made.settle()
    made.down.add(Subject("all-1", "kube-apiserver"))
    made.run(7)
    assert [(one.kind, one.seen_from) for one in made.opened] == [(Kind.PROCESS_DOWN, ("all-1",))]
    made.dead.add("all-1")
    for _ in range(3):
        made.watch.heartbeats.failed("all-1", "all-1: no connection", made.now)
    assert made.watch.tick(made.now, is_airflow_cut=True).opened == []
    (finding,) = made.watch.tick(made.now).opened
    assert (finding.kind, finding.seen_from) == (Kind.HOST_DOWN, ("airflow",))


def test_a_host_that_only_airflow_misses_is_no_host_that_is_down() -> None:
    made = world()
    made.deaf.add("cp-1")
    for _ in range(3):
        made.watch.heartbeats.failed("cp-1", "cp-1: no connection", made.now)
    made.run(70)
    assert [(one.host, one.component, one.kind) for one in made.opened] == [("cp-1", "ssh", Kind.NETWORK_CUT)]


def test_that_airflow_reaches_a_host_again_is_not_told_before_it_does() -> None:
    made = world()
    made.deaf.add("w-1")
    for _ in range(3):
        made.watch.heartbeats.failed("w-1", "w-1: no connection", made.now)
    made.run(70)
    assert [(one.component, one.kind) for one in made.watch.findings] == [("ssh", Kind.NETWORK_CUT)]
    again = known_to_the_next(made)
    again.deaf.add("w-1")
    again.watch.heartbeats.failed("w-1", "w-1: no connection", again.now)
    again.run(30)
    assert again.closed == []
    again.deaf.clear()
    again.run(20)
    assert [one.kind for one in again.closed] == [Kind.NETWORK_CUT]


def test_a_watcher_that_was_held_up_holds_nobody_else_to_account() -> None:
    made = world()
    made.now += 300
    made.watch.heartbeats.forgive(made.now)
    made.run(20)
    assert (made.opened, statuses(made)) == ([], {"healthy"})


def test_findings_survive_their_way_through_json() -> None:
    made = world()
    made.down.add(API)
    made.run(7)
    assert Finding.from_dict(made.opened[0].to_dict()) == made.opened[0]


def test_what_hosts_say_about_themselves_is_believed_the_second_time() -> None:
    made = world()
    bad, good = HostReport("unit", "docker", "failed"), HostReport("unit", "docker", "active")
    assert made.watch.report("w-1", bad, made.now).opened == []
    (finding,) = made.watch.report("w-1", bad, made.now).opened
    assert (finding.kind, finding.component, finding.host) == (Kind.UNIT_DOWN, "docker", "w-1")
    assert made.watch.report("w-1", good, made.now).closed == []
    assert made.watch.report("w-1", good, made.now).closed == [finding]


@pytest.mark.parametrize("message", ["restarting", "stuck", "hanging", "failed", "inactive"])
def test_a_unit_is_down_by_any_of_these_words(message: str) -> None:
    made = world()
    for _ in range(2):
        made.watch.report("w-1", HostReport("unit", "windlass-containerd", message), made.now)
    assert [(one.kind, one.component) for one in made.watch.findings] == [(Kind.UNIT_DOWN, "windlass-containerd")]


def test_units_of_a_host_that_is_just_being_made_are_not_told_before_what_runs_there_had_its_time() -> None:
    made = World(plan(HOSTS))
    made.down.update(check.subject for check in made.plan.checks)

    def say(at: World) -> None:
        at.watch.report("w-1", HostReport("unit", "kubelet", "inactive"), at.now)
        at.watch.report("w-1", HostReport("node", "w-1", "NotReady"), at.now, "cp-1")

    made.run(30, say)
    assert made.watch.findings == ()
    made.run(60, say)
    assert {Kind.UNIT_DOWN, Kind.NODE_NOT_READY} <= {one.kind for one in made.watch.findings if one.host == "w-1"}


def test_nodes_are_told_by_the_control_plane() -> None:
    made = world()
    for _ in range(2):
        made.watch.report("w-1", HostReport("node", "w-1", "NotReady"), made.now, "cp-1")
        made.watch.report("stranger", HostReport("node", "stranger", "NotReady"), made.now, "cp-1")
    assert [(one.host, one.kind) for one in made.watch.findings] == [("w-1", Kind.NODE_NOT_READY)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(HOSTS), st.sampled_from([0.5, 1.0, 2.0, 3.5]), st.integers(5, 12)), max_size=12)
)
def test_flapping_below_the_threshold_never_triggers(flaps: list[tuple[str, float, int]]) -> None:
    made = world()
    for host, seconds, pause in flaps:
        made.down.add(Subject(host, "kube-apiserver"))
        made.run(seconds)
        made.down.clear()
        made.run(pause)
    assert made.opened == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(HOSTS), st.booleans(), st.integers(1, 60), st.integers(0, 30)), max_size=6))
def test_a_cut_vantage_point_never_speaks_against_others(cuts: list[tuple[str, bool, int, int]]) -> None:
    made = world()
    for host, is_deaf, seconds, pause in cuts:
        made.opened.clear()
        made.cut.add(host)
        if is_deaf:
            made.deaf.add(host)
        made.run(seconds)
        assert {one.host for one in made.opened} <= {host}
        assert not any(one.kind is Kind.PROCESS_DOWN for one in made.opened)
        made.cut.clear()
        made.deaf.clear()
        made.run(pause)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from(HOSTS)), st.sets(st.sampled_from(HOSTS)), st.integers(1, 120))
def test_what_nobody_sees_is_unknown_and_never_acted_on(down: set[str], dead: set[str], seconds: int) -> None:
    made = world()
    made.deaf.update(HOSTS)
    for host in HOSTS:
        made.watch.heartbeats.failed(host, "lost", made.now)
    made.down.update(Subject(host, "kube-apiserver") for host in down)
    made.dead.update(dead)
    made.run(seconds)
    assert made.opened == []
    assert statuses(made) <= {Status.UNKNOWN.value}
