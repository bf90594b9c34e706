"""Whoever is down while a cluster is changed: nothing is harmed, the gate says so beforehand, and all is done later."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, example, given
from hypothesis import strategies as st

from unit.rollout.change_world import RELEASE, ChangeWorld
from unit.rollout.test_change_properties import HOSTS, PATIENT, Change, changes
from unit.rollout.test_gate import GOOD, NOW
from windlass.domain.etcd.membership import EtcdObservation
from windlass.domain.etcd.quorum import Membership
from windlass.domain.rollout import Step
from windlass.domain.rollout.gate_rules import GateInputs, Workloads, judge_gate
from windlass.domain.rollout.held import held_hosts, without_held, without_needed
from windlass.domain.rollout.step import HostState
from windlass.domain.rollout.transition import PlaneChanges
from windlass.domain.rollout.version_skew import RunningVersions
from windlass.errors import RefusedError


class DownWorld(ChangeWorld):
    """The same, planned and judged as operations do where hosts are down."""

    def states(self) -> dict[str, HostState]:
        states = super().states()
        return without_held(states, self.held(states))

    def changes(self) -> PlaneChanges:
        states = super().states()
        return without_needed(super().changes(), states, self.held(states))

    def held(self, states: dict[str, HostState]) -> dict[str, str]:
        joins = super().changes().api_joins
        return held_hosts(self.after, states, self.away, self.expected(), EtcdObservation({}, {}), joins)

    def expected(self) -> Membership:
        """Return the members without those that join or are forgotten, as the gate's inputs have them."""
        changes = super().changes()
        joins = {host.name for host in self.after.hosts_with("etcd")}
        found = tuple(
            one
            for one in self.membership(()).members
            if one.name not in {*changes.forget, *changes.etcd_joins, *self.gone}
            and not (one.name in joins and (one.role != "voter" or not one.started))
        )
        return Membership(found, frozenset(one.name for one in found))

    def gate(self, steps: tuple[Step, ...]) -> None:
        unreachable = {name: f"{name}: no answer" for name in self.away}
        inputs: GateInputs = replace(
            GOOD,
            running=RunningVersions(api_servers=dict.fromkeys(self.serving(), RELEASE.version)),
            states=self.states(),
            unreachable=unreachable,
            membership=self.expected(),
            members=self.membership(()),
            held=self.held(super().states()),
            workloads=Workloads(),
            absent_nodes=frozenset(HOSTS),
            needed_kib={},
        )
        judge_gate(self.after, RELEASE, inputs, steps, NOW).refuse("the change")


def roll(world: DownWorld) -> str:
    """Plan and do all steps; why the gate refused it, if it did."""
    steps = world.plan()
    try:
        world.gate(steps)
    except RefusedError as refusal:
        return str(refusal)
    for step in steps:
        for _ in world.acts(step):
            world.check()
    return ""


LAST_SERVER_WAITS = Change(
    before={"h-1": ["etcd"], "h-3": ["etcd"], "h-6": ["etcd"], "h-7": ["control-plane"]},
    after={"h-1": ["control-plane", "etcd"]},
    stale={("h-1", "etcd")},
)
"""The only API server leaves, and the host of the next one is held, as it has one of the two members that are left."""
NEXT_SERVER_WAITS = Change(
    before={"h-1": ["etcd"], "h-2": ["control-plane", "etcd"], "h-3": ["etcd"]},
    after={"h-1": ["etcd", "control-plane"], "h-2": ["control-plane"]},
    stale={("h-1", "etcd")},
)
"""The same, and the server that serves stays and is changed."""


@PATIENT
@example(LAST_SERVER_WAITS, {"h-3"})
@example(NEXT_SERVER_WAITS, {"h-3"})
@given(changes(), st.sets(st.sampled_from(HOSTS), max_size=3))
def test_what_is_safe_without_hosts_that_are_down_is_done_and_the_rest_once_they_are_back(
    change: Change, down: set[str]
) -> None:
    world = DownWorld.made(change.before, change.after, stale=change.stale)
    world.lose(down & set(change.before))
    # Where the API is away already there is nothing to go on with.
    assume(world.serving())
    roll(world)  # whatever the gate lets pass is done to its end, without harm
    world.bring_back()
    assert not roll(world)
    assert world.plan() == ()
    assert world.is_as_desired()
