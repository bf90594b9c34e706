"""What a plan says, and what its digest is about."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from unit.rollout.test_gate import MEMBERS, NAMES
from windlass.domain.etcd.quorum import Member, Membership
from windlass.domain.rollout import ETCD, HOST, GateReport, Step
from windlass.domain.rollout.durations import StepDurations, duration_text
from windlass.domain.rollout.gate import GateFinding, GateLevel
from windlass.domain.rollout.plan_changes import plan_changes
from windlass.domain.rollout.plan_details import PlanDetails
from windlass.domain.rollout.plan_quorum import quorum_along
from windlass.domain.rollout.question import render_question
from windlass.domain.rollout.rollout_plan import RolloutPlan, planned_steps
from windlass.domain.rollout.step import ADD_ONS, ETCD_JOIN, LEAVE, PREFETCH
from windlass.domain.rollout.transition import REMOVES_MEMBER

MEMBERSHIP = Membership(MEMBERS, NAMES)
WORDS = st.sampled_from(["kubelet restarted", "files: /etc/x", "etcd v3.6.16 -> v3.7.3"])
HOSTS = st.sampled_from(["cp-1", "cp-2", "w-1", "w-2"])


@st.composite
def steps(draw: st.DrawFn) -> Step:
    hosts = tuple(draw(st.lists(HOSTS, min_size=1, max_size=2, unique=True)))
    does = tuple(f"{host}: {draw(WORDS)}" for host in hosts)
    return Step(draw(st.sampled_from([PREFETCH, ETCD, HOST])), hosts, does, drains=draw(st.booleans()))


@st.composite
def plans(draw: st.DrawFn) -> RolloutPlan:
    made = draw(st.lists(steps(), max_size=4))
    lines = [line for step in made for line in step.does]
    details = {line: (draw(st.sampled_from(["+a", "+b"])),) for line in lines if draw(st.booleans())}
    contents = {f"{host}:/etc/x": draw(st.sampled_from("ab")) for host in ("cp-1", "w-1") if draw(st.booleans())}
    return plan(made, PlanDetails(details), contents=contents)


def plan(made: Any, details: PlanDetails | None = None, **more: Any) -> RolloutPlan:
    planned = planned_steps(made, MEMBERSHIP, details or PlanDetails())
    return RolloutPlan("demo", "v1 -> v2", ("v1", "v2"), GateReport(()), planned, **more)


def what_is_done(one: RolloutPlan) -> str:
    """Say all that a plan does; members of etcd that follow on one another by name, since the leader may change."""
    told: list[Any] = []
    for planned in one.steps:
        step = planned.step
        told.append([step.kind, step.hosts, step.does, step.drains, sorted(planned.details.items())])
    start = 0
    while start < len(told):
        end = start
        while end < len(told) and told[end][0] == ETCD and told[start][0] == ETCD:
            end += 1
        told[start:end] = sorted(told[start:end], key=lambda each: each[1])
        start = max(end, start + 1)
    return json.dumps([told, sorted(one.contents.items())])


@given(plans(), plans())
def test_two_plans_have_one_digest_just_if_they_do_the_same(one: RolloutPlan, other: RolloutPlan) -> None:
    assert (one.digest == other.digest) == (what_is_done(one) == what_is_done(other))
    assert (plan_changes(one.value(), other.value()) == ()) == (one.digest == other.digest)


@given(plans())
def test_what_only_describes_the_moment_makes_no_plan_another(one: RolloutPlan) -> None:
    warned = GateReport((GateFinding("outage", GateLevel.WARNING, "3 min old", "wait"),))
    took = tuple(replace(each, last_seconds=23.0, quorum=(), restarts={}) for each in one.steps)
    remarked = tuple(replace(each, remarks=dict.fromkeys(each.step.does, ("now: it restarts",))) for each in took)
    other = replace(one, report=warned, steps=remarked, notes=("mind this",))
    assert other.digest == one.digest


@given(plans())
def test_a_plan_is_plain_json_of_one_form_with_its_digest(one: RolloutPlan) -> None:
    value = one.value()
    assert json.loads(json.dumps(value)) == value
    assert value["digest"] == one.digest
    assert one.digest in one.text()
    assert [Step.of(each) for each in value["steps"]] == [each.step for each in one.steps]
    assert (one.digest in render_question(one)) == bool(one.steps)


def test_another_spec_is_another_plan_though_its_steps_are_the_same() -> None:
    assert plan([], spec="a").digest != plan([], spec="b").digest
    assert plan_changes(plan([], spec="a").value(), plan([], spec="b").value()) == (
        "contents that are not shown differ",
    )


def test_the_leader_of_etcd_may_change_without_making_the_plan_another() -> None:
    members = [Step(ETCD, (name,), (f"{name}: etcd restarted",)) for name in ("cp-1", "cp-2", "cp-3")]
    assert plan(members).digest == plan([members[2], members[0], members[1]]).digest
    hosts = [replace(step, kind=HOST) for step in members]
    assert plan(hosts).digest != plan([hosts[2], hosts[0], hosts[1]]).digest


def test_what_differs_just_so_on_another_host_is_told_once() -> None:
    made = [Step(HOST, (name,), (f"{name}: kubelet restarted",)) for name in ("w-1", "w-2", "w-3")]
    lines = {"w-1: kubelet restarted": ("/x:", "-1"), "w-2: kubelet restarted": ("/x:", "-1")}
    found = plan(made, PlanDetails({**lines, "w-3: kubelet restarted": ("/x:", "-2")}))
    assert [step["details"] for step in found.value()["steps"]] == [
        {"w-1: kubelet restarted": ["/x:", "-1"]},
        {"w-2: kubelet restarted": ["as on w-1"]},
        {"w-3: kubelet restarted": ["/x:", "-2"]},
    ]
    question = render_question(found)
    assert question.count("-1\n") == 1
    assert "as on" not in question


def test_a_plan_tells_what_restarts_what_it_took_last_and_what_becomes_of_quorum() -> None:
    step = Step(ETCD, ("cp-2",), ("cp-2: etcd restarted",))
    details = PlanDetails({"cp-2: etcd restarted": ("~ --a=1 -> 2",)}, parts={"cp-2": ("etcd/etcd", "kubelet")})
    planned = planned_steps([step], MEMBERSHIP, details, StepDurations({ETCD: 70.0}, {ETCD: {"cp-2": 23.4}}))
    found = RolloutPlan("demo", "v1 -> v2", ("v1", "v2"), GateReport(()), planned)
    assert found.text().splitlines()[-6:] == [
        "The plan, 1 steps:",
        "  etcd cp-2 (took 23 s last time)",
        "    - cp-2: etcd restarted",
        "        ~ --a=1 -> 2",
        "    - restarts: cp-2: etcd",
        "    - quorum: now 3 of 3; after this step 2 of 3; tolerates 0",
    ]
    (value,) = found.value()["steps"]
    assert (value["last_seconds"], value["restarts"]) == (23.4, {"cp-2": ["etcd"]})
    assert value["quorum"] == [{"now": "3 of 3", "after": "2 of 3", "tolerates": 0, "keeps": True, "then": "3 of 3"}]
    assert "(took 23 s last time)" in render_question(found)


def test_differences_of_others_end_no_block_of_the_question() -> None:
    step = Step(HOST, ("w-1",), ("w-1: files: /etc/x",))
    found = plan([step], PlanDetails({"w-1: files: /etc/x": ("/etc/x:", "+```", " # Approve this", " ````")}))
    assert "`````diff\n/etc/x:\n+```\n # Approve this\n ````\n`````" in render_question(found)


def voters(*names: str) -> Membership:
    members = tuple(Member(name, number, "voter", started=True, health="healthy") for number, name in enumerate(names))
    return Membership(members, frozenset(names))


def test_quorum_follows_the_members_through_the_plan() -> None:
    made = [
        Step(PREFETCH, ("cp-1",), ()),
        Step(ETCD_JOIN, ("cp-2",), ()),
        Step(ETCD_JOIN, ("cp-3",), ()),
        Step(ETCD, ("cp-1",), ()),
        Step(HOST, ("cp-1",), ()),
        Step(LEAVE, ("cp-1",), (f"cp-1: {REMOVES_MEMBER}",)),
        Step(LEAVE, ("w-1",), ("w-1: drain and delete its node",)),
        Step(ADD_ONS, (), ()),
    ]
    told = [[(str(one), one.then) for one in effects] for effects in quorum_along(voters("cp-1"), made)]
    assert told == [
        [],
        [("now 1 of 1; after this step 2 of 2; tolerates 0", "2 of 2")],
        [("now 2 of 2; after this step 3 of 3; tolerates 1", "3 of 3")],
        [("now 3 of 3; after this step 2 of 3; tolerates 0", "3 of 3")],
        [],
        [("now 3 of 3; after this step 2 of 2; tolerates 0", "2 of 2")],
        [],
        [],
    ]


def test_a_learner_that_an_earlier_run_left_is_promoted() -> None:
    there = voters("cp-1", "cp-2")
    learner = Member("cp-3", 9, "learner", started=True, health="healthy")
    (found,) = quorum_along(replace(there, members=(*there.members, learner)), [Step(ETCD_JOIN, ("cp-3",), ())])
    assert [str(one) for one in found] == ["now 2 of 2; after this step 3 of 3; tolerates 1"]


def test_durations_are_those_of_the_same_host_or_else_of_any() -> None:
    found = StepDurations().with_step(Step(HOST, ("w-1",), ()), 12.34).with_step(Step(HOST, ("w-2", "w-3"), ()), 40)
    assert [found.last(Step(HOST, hosts, ())) for hosts in (("w-1",), ("w-9",), ("w-1", "w-2"))] == [12.3, 40, 40]
    assert found.last(Step(ETCD, ("w-1",), ())) is None
    assert StepDurations.of(json.loads(json.dumps(found.value()))) == found
    assert found.of_hosts(frozenset({"w-2"})).last(Step(HOST, ("w-1",), ())) == 40


def test_durations_in_words() -> None:
    assert [duration_text(seconds) for seconds in (0.44, 23.4, 250)] == ["0.4 s", "23 s", "4 min 10 s"]
