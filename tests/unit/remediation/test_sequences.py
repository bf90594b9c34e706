"""Whatever breaks, in whatever order: remediation ends, touches nothing healthy, and never costs etcd its quorum."""

from __future__ import annotations

from hypothesis import given, settings

from unit.remediation.broken import NAMES, World, worlds
from unit.remediation.clusters import NOW
from windlass.domain.remediation import ClusterHealth, RemediationPlan, plan_actions
from windlass.domain.spec.models import Repair as Settings


def check(world: World, observed: ClusterHealth, planned: RemediationPlan) -> None:
    for action in planned.actions:
        is_cordon = action.kind == "cordon"
        assert is_cordon or action.key in world.broken, f"{action} touches what is healthy"
        assert observed.host(action.host).is_reachable
    ours = [one for one in planned.actions if not one.host.startswith("w")]
    assert len(ours) <= 1
    for action in ours:
        if action.kind == "replace-member":
            assert observed.membership is not None
            assert observed.membership.has_quorum
    unhealthy = {key.partition("/")[0] for key in world.broken if key.startswith("w")}
    if len(unhealthy) > 1:
        assert [one for one in planned.actions if one.host.startswith("w") and one.kind != "cordon"] == []


@settings(max_examples=120, deadline=None)
@given(worlds())
def test_remediation_ends_and_keeps_its_rules_all_the_way(world: World) -> None:
    rules, rounds = Settings(), 0
    while True:
        observed = world.observed()
        planned = plan_actions(rules, observed, world.history)
        check(world, observed, planned)
        if not planned.actions and planned.next_time is None:
            break
        world.act(planned)
        rounds += 1
        assert rounds < 400, f"the run does not come to an end: {planned}"
        if not planned.actions and planned.next_time is not None:
            world.seconds = max(world.seconds, (planned.next_time - NOW).total_seconds())
    for key in {one.key for one in world.done}:
        assert sum(one.key == key for one in world.done) <= rules.tries


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_what_can_be_acted_on_within_the_rules_is(world: World) -> None:
    world.hopeless = frozenset()
    members = [world.broken.get(f"{name}/etcd") for name in NAMES[:3]]
    is_down = {key.partition("/")[0] for key, state in world.broken.items() if state == "down"}
    ill_workers = {key.partition("/")[0] for key in world.broken if key.startswith("w")}
    for _ in range(100):
        planned = plan_actions(Settings(), world.observed(), world.history)
        if not planned.actions and planned.next_time is None:
            break
        world.act(planned)
        if planned.next_time is not None:
            world.seconds = max(world.seconds, (planned.next_time - NOW).total_seconds())
    left = set(world.broken)
    is_hopeless = is_down or members.count("lost") > 1 or len(ill_workers) > 1
    assert is_hopeless or left == set(), f"left: {left}; {planned}"
