"""Hosts that are down, gone for good, back again, or another machine under the same name: what a rollout does then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from unit.rollout.test_gate import GOOD, report
from unit.rollout.test_rollout_plan import OVERLAPPING, WORKERS, cluster
from windlass.domain.etcd.membership import EtcdObservation, as_dead
from windlass.domain.etcd.quorum import Member, MemberHealth, Membership
from windlass.domain.rollout import HostState, Step, plan_rollout
from windlass.domain.rollout.gate import GateLevel
from windlass.domain.rollout.held import held_hosts, without_held
from windlass.domain.rollout.plan_quorum import follow
from windlass.domain.rollout.quorum_gate import refused_changes
from windlass.domain.rollout.record import LeftHost
from windlass.domain.rollout.step import ETCD_JOIN, FORGET, LEAVE
from windlass.domain.rollout.transition import REMOVES_MEMBER, STOPS_SERVER, Presence, Transition, plane_changes
from windlass.domain.rollout.upgrade_path import UpgradePath, UpgradeRequest, check_hosts_of, with_left_hosts
from windlass.domain.spec.models import Cluster
from windlass.errors import SpecError

ROLES = OVERLAPPING | WORKERS
ALL = frozenset(ROLES)
THERE = Presence(
    prepared=ALL,
    members=frozenset(OVERLAPPING),
    voters=frozenset(OVERLAPPING),
    api_servers=frozenset(OVERLAPPING),
    nodes=ALL,
)
CLUSTER = cluster(ROLES)
NOBODY = EtcdObservation({}, {})


def still(desired: Cluster = CLUSTER) -> Transition:
    return Transition(desired, tuple(CLUSTER.spec.hosts.members))


def without(*names: str) -> Cluster:
    members = [host for host in CLUSTER.spec.hosts.members if host.name not in names]
    hosts = CLUSTER.spec.hosts.model_copy(update={"members": members})
    return CLUSTER.model_copy(update={"spec": CLUSTER.spec.model_copy(update={"hosts": hosts})})


def members(**health: MemberHealth) -> Membership:
    found = (
        Member(name, number, "voter", started=True, health=health.get(name.replace("-", "_"), "healthy"))
        for number, name in enumerate(OVERLAPPING, start=1)
    )
    return Membership(tuple(found), frozenset(OVERLAPPING))


def minus(there: Presence, name: str, *fields: str) -> Presence:
    return replace(there, **{field: getattr(there, field) - {name} for field in fields})


class TestReplaced:
    """A machine that was reinstalled: etcd and the API still know its name."""

    there = minus(THERE, "cp-3", "prepared", "api_servers")

    def test_it_takes_its_whole_part_again(self) -> None:
        changes = plane_changes(still(), self.there)
        assert changes.prepare == changes.etcd_joins == changes.api_joins == changes.node_joins == ("cp-3",)
        assert not changes.leave
        assert not changes.forget

    def test_its_steps_drain_nothing(self) -> None:
        states = {"cp-3": HostState({"control-plane/kube-apiserver": "started", "kubelet": "started"})}
        steps = plan_rollout(CLUSTER, states, leader="cp-1", add_ons=(), changes=plane_changes(still(), self.there))
        assert [step.label for step in steps] == [
            "prepare cp-3",
            "join etcd cp-3",
            "API server cp-3",
            "host cp-3",
        ]
        assert steps[-1].gives_labels
        assert not any(step.drains for step in steps)

    def test_a_worker_is_prepared_and_started(self) -> None:
        changes = plane_changes(still(), minus(THERE, "w-2", "prepared"))
        assert changes.prepare == changes.node_joins == ("w-2",)
        assert not changes.etcd_joins

    def test_its_dead_member_goes_before_it_joins_anew(self) -> None:
        step = Step(ETCD_JOIN, ("cp-3",), ())
        (effect,), after = follow(members(cp_3="unhealthy"), step)
        assert (effect.what_if.now, effect.then, effect.what_if.keeps_quorum) == ("2 of 3", "3 of 3", True)
        assert sorted(member.name for member in after.voters) == sorted(OVERLAPPING)
        assert not list(refused_changes(CLUSTER, members(cp_3="unhealthy"), [step]))

    def test_members_that_are_new_join_before_one_whose_old_self_is_still_listed(self) -> None:
        grown = cluster({**ROLES, "w-1": ["etcd", "worker"], "w-2": ["etcd", "worker"]})
        changes = plane_changes(still(grown), minus(THERE, "cp-1", "prepared"))
        assert changes.etcd_joins == ("w-1", "w-2", "cp-1")

    def test_without_quorum_it_is_refused_before_anything_is_done(self) -> None:
        listed = members(cp_3="unhealthy", cp_2="unknown")
        (told,) = refused_changes(CLUSTER, listed, [Step(ETCD_JOIN, ("cp-3",), ())])
        assert "only 1 of 3 voters" in told


class TestGone:
    """A host that somebody called gone for good."""

    def test_it_is_forgotten_without_being_asked(self) -> None:
        transition = replace(still(without("cp-3")), gone=frozenset({"cp-3"}))
        assert transition.asked == ()
        changes = plane_changes(transition, replace(THERE, unreachable=frozenset({"cp-3"})))
        assert changes.forget == {"cp-3": (f"cp-3: {REMOVES_MEMBER}", "cp-3: delete its node")}
        assert not changes.leave

    def test_it_is_asked_by_the_next_run_and_cleaned_if_it_is_back(self) -> None:
        gone = frozenset({"cp-3"})
        transition = replace(still(without("cp-3")), gone=gone, recorded=gone)
        assert [host.name for host in transition.asked] == ["cp-3"]
        there = minus(THERE, "cp-3", "members", "voters", "nodes")
        assert plane_changes(transition, there).is_empty
        changes = plane_changes(transition, replace(there, rest={"cp-3": ("the cluster from the host",)}))
        assert changes.leave == {
            "cp-3": (f"cp-3: {STOPS_SERVER}", "cp-3: remove the cluster from the host"),
        }

    def test_it_is_refused_while_quorum_forbids(self) -> None:
        step = Step(FORGET, ("cp-3",), (f"cp-3: {REMOVES_MEMBER}",))
        assert not list(refused_changes(without("cp-3"), members(cp_3="unknown"), [step]))
        (told,) = refused_changes(without("cp-3"), members(cp_3="unknown", cp_2="unhealthy"), [step])
        assert "only 1 of 3 voters are known to be healthy" in told

    def test_only_what_nobody_saw_is_dead_by_word(self) -> None:
        assert as_dead(members(cp_3="unknown"), "cp-3") == members(cp_3="unhealthy")
        assert as_dead(members(), "cp-3") == members()

    def test_a_quorum_of_gone_hosts_blocks_the_gate(self) -> None:
        listed = members(cp_2="unhealthy", cp_3="unhealthy")
        expected = replace(listed, members=listed.members[:1], desired=frozenset({"cp-1"}))
        step = Step(FORGET, ("cp-3",), (f"cp-3: {REMOVES_MEMBER}",))
        found = report(replace(GOOD, membership=expected, members=listed), (step,))
        assert {"etcd members", "etcd quorum"} <= {one.name for one in found.blocked}


def left(name: str, address: str = "192.0.2.99", *, is_gone: bool = False) -> LeftHost:
    host = CLUSTER.spec.hosts.members[0].model_copy(update={"name": name, "address": address})
    return LeftHost(host, "2026-11-29T10:00:00+00:00", "it did not answer", is_gone=is_gone)


def path(after: Cluster = CLUSTER) -> UpgradePath:
    return UpgradePath(CLUSTER, after, release=Any)  # type: ignore[arg-type]


def test_hosts_that_left_are_known_and_one_called_gone_before_is_asked_again() -> None:
    found = with_left_hosts(path(), [left("old-1"), left("old-2", "192.0.2.98", is_gone=True)], ["w-9"])
    assert found.gone == {"old-2", "w-9"}
    assert found.recorded == {"old-2"}
    assert [host.name for host in found.transition.asked] == ["old-1", "old-2"]


def test_one_whose_name_this_run_gives_is_not_asked() -> None:
    found = with_left_hosts(path(), [left("old-2", is_gone=True)], ["old-2"])
    assert (found.gone, found.recorded) == ({"old-2"}, frozenset())
    assert not found.transition.asked


def test_an_address_that_another_host_has_by_now_is_never_cleaned_for_the_one_before() -> None:
    taken = CLUSTER.spec.hosts.members[-1].address
    found = with_left_hosts(path(), [left("old-1", taken)], [])
    assert found.recorded == {"old-1"}
    assert not found.transition.asked


def test_a_name_that_is_in_the_spec_again_is_not_gone() -> None:
    found = with_left_hosts(path(), [left("w-1", is_gone=True)], [])
    assert not found.gone


def test_a_host_cannot_take_the_address_of_one_that_leaves_in_the_same_run() -> None:
    members = [
        host.model_copy(update={"name": "w-9"}) if host.name == "w-3" else host for host in CLUSTER.spec.hosts.members
    ]
    hosts = CLUSTER.spec.hosts.model_copy(update={"members": members})
    renamed = CLUSTER.model_copy(update={"spec": CLUSTER.spec.model_copy(update={"hosts": hosts})})
    with pytest.raises(SpecError, match=r"w-3 leaves, and w-9 has its address"):
        check_hosts_of(path(renamed), UpgradeRequest())
    check_hosts_of(with_left_hosts(path(renamed), [], ["w-3"]), UpgradeRequest(gone=("w-3",)))


def test_a_new_host_key_is_accepted_of_hosts_of_the_spec_alone() -> None:
    check_hosts_of(path(), UpgradeRequest(accept_new_host_key=("w-1",)))
    with pytest.raises(SpecError, match="accept_new_host_key: the spec has no host `w-9`"):
        check_hosts_of(path(), UpgradeRequest(accept_new_host_key=("w-9",)))


ETCD_STALE = HostState({"etcd/etcd": "new flags", "files": "2 files", "proxy": "another list"})
API_STALE = HostState({"control-plane/kube-apiserver": "new flags", "proxy": "another list"})


def held(states: Mapping[str, HostState], down: Iterable[str], desired: Cluster = CLUSTER) -> dict[str, str]:
    unseen: Any = {name.replace("-", "_"): "unknown" for name in down}
    return held_hosts(desired, states, frozenset(down), members(**unseen), NOBODY)


class TestDown:
    """A host that does not answer."""

    def test_no_member_is_stopped_that_quorum_needs_and_all_else_goes_on(self) -> None:
        states = {"cp-1": ETCD_STALE, "cp-2": API_STALE, "w-1": HostState({"kubelet": "new flags"})}
        found = held(states, ["cp-3"])
        assert list(found) == ["cp-1"]
        assert "stopping cp-1 is refused" in found["cp-1"]
        steps = plan_rollout(CLUSTER, without_held(states, found), leader="cp-1", add_ons=())
        assert [step.label for step in steps] == ["proxies to what joins", "API server cp-2", "host w-1"]

    def test_nothing_is_held_where_only_a_worker_is_down(self) -> None:
        assert held({"cp-1": ETCD_STALE, "cp-2": API_STALE}, ["w-1"]) == {}

    def test_the_last_api_server_that_serves_is_left_alone(self) -> None:
        assert list(held({"cp-1": API_STALE}, ["cp-2", "cp-3"])) == ["cp-1"]
        lone = cluster({"cp-1": ["etcd", "control-plane"], "w-1": ["worker"]})
        assert held_hosts(lone, {"cp-1": API_STALE}, ["w-1"], members(), NOBODY) == {}

    def test_the_gate_lets_the_rest_pass_and_tells_who_is_left_out_and_what_waits(self) -> None:
        seen = replace(
            GOOD,
            unreachable={"cp-3": "cp-3: no answer"},
            membership=members(cp_3="unknown"),
            held={"cp-1": "etcd: stopping cp-1 is refused"},
            running=replace(GOOD.running, api_servers={"cp-1": "v1.37.2"}),
            etcd_reasons={"cp-3": "cp-3: no answer"},
        )
        found = report(seen, (Step(ETCD_JOIN, ("w-1",), ()),))
        assert not [one for one in found.blocked if one.name != "etcd quorum"]
        (hosts,) = [one for one in found.findings if one.name == "hosts"]
        assert hosts.verdict is GateLevel.WARNING
        assert "left out: cp-3: no answer" in hosts.text
        assert "cp-1 is left as it is until they are back: etcd: stopping cp-1 is refused" in hosts.text

    def test_an_upgrade_waits_for_hosts_of_the_control_plane(self) -> None:
        found = report(replace(GOOD, unreachable={"cp-3": "cp-3: no answer"}))
        assert [one.name for one in found.blocked] == ["hosts"]

    def test_lost_quorum_blocks_whoever_is_down(self) -> None:
        down = {"cp-2": "cp-2: no answer", "cp-3": "cp-3: no answer"}
        seen = replace(GOOD, unreachable=down, membership=members(cp_2="unknown", cp_3="unknown"))
        seen = replace(seen, running=replace(GOOD.running, api_servers={"cp-1": "v1.37.2"}))
        (told,) = [one for one in report(seen, ()).blocked if one.name == "etcd members"]
        assert told.text == "etcd has no quorum: 1 of 3 voters are known to be healthy"

    def test_the_last_api_server_does_not_leave(self) -> None:
        step = Step(LEAVE, ("w-9",), (f"w-9: {STOPS_SERVER}",))
        seen = replace(GOOD, running=replace(GOOD.running, api_servers={"cp-1": "v1.37.2"}))
        assert not report(seen, (step,)).blocked
        away = replace(seen, unreachable=dict.fromkeys(OVERLAPPING, "no answer"))
        assert "w-9: no other API server can be reached" in [one.text for one in report(away, (step,)).blocked]
