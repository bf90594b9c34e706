from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.rollout import HostState, RunningVersions, Step, plan_rollout, skew_problems
from windlass.domain.rollout.batches import batch_size
from windlass.domain.rollout.plan_until import steps_until
from windlass.domain.spec.models import Cluster
from windlass.errors import SpecError

OLD, NEW = "v1.36.3", "v1.37.2"
OVERLAPPING = {"cp-1": ["etcd", "control-plane"], "cp-2": ["etcd", "control-plane"], "cp-3": ["etcd", "control-plane"]}
WORKERS = {name: ["worker"] for name in ("w-1", "w-2", "w-3")}
SEPARATE = {"e-1": ["etcd"], "e-2": ["etcd"], "e-3": ["etcd"], "cp-1": ["control-plane"], "cp-2": ["control-plane"]}
STANDALONE = {"all-1": ["etcd", "control-plane", "worker"]}
TOPOLOGIES = {"overlapping": OVERLAPPING | WORKERS, "separate": SEPARATE | WORKERS, "standalone": STANDALONE}
CONTROLLERS = ("control-plane/kube-controller-manager", "control-plane/kube-scheduler")


def cluster(roles: Mapping[str, list[str]], **upgrade: Any) -> Cluster:
    members = [
        {"name": name, "address": f"192.0.2.{number}", "roles": taken}
        for number, (name, taken) in enumerate(roles.items(), start=11)
    ]
    spec = {"kubernetes": {"version": NEW}, "hosts": {"members": members}, "upgrade": upgrade}
    return Cluster.model_validate(
        {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    )


def parts_of(roles: list[str]) -> list[str]:
    parts = ["etcd/etcd"] if "etcd" in roles else []
    parts += ["control-plane/kube-apiserver", *CONTROLLERS] if "control-plane" in roles else []
    return parts + (["kubelet"] if roles != ["etcd"] else [])


def states_of(roles: Mapping[str, list[str]], done: frozenset[tuple[str, str]] = frozenset()) -> dict[str, HostState]:
    return {
        name: HostState({part: f"{part} {OLD} -> {NEW}" for part in parts_of(taken) if (name, part) not in done})
        for name, taken in roles.items()
    }


def parts_done(step: Step, roles: Mapping[str, list[str]]) -> set[tuple[str, str]]:
    kinds = {"etcd": {"etcd/etcd"}, "api-server": {"control-plane/kube-apiserver"}, "host": {"kubelet", *CONTROLLERS}}
    return {(host, part) for host in step.hosts for part in parts_of(roles[host]) if part in kinds.get(step.kind, ())}


def test_everything_goes_in_order_with_the_leader_last() -> None:
    roles = TOPOLOGIES["overlapping"]
    steps = plan_rollout(cluster(roles), states_of(roles), leader="cp-1", add_ons=("DaemonSet kube-system/kube-proxy",))

    assert [step.label for step in steps] == [
        *("etcd cp-2", "etcd cp-3", "etcd cp-1"),
        *("API server cp-1", "API server cp-2", "API server cp-3"),
        *("host cp-1", "host cp-2", "host cp-3", "host w-1", "host w-2", "host w-3"),
        "add-ons",
    ]
    assert [step.hosts for step in steps if step.drains] == [("w-1",), ("w-2",), ("w-3",)]


def test_what_is_missing_is_fetched_first_on_all_hosts_that_lack_it() -> None:
    states = states_of(OVERLAPPING) | {"cp-2": HostState(missing=("kubelet v1.37.2",), images=("image etcd v3.7.3",))}
    first, *_ = plan_rollout(cluster(OVERLAPPING), states, leader=None, add_ons=())

    assert (first.kind, first.hosts) == ("prefetch", ("cp-2",))
    assert first.does == ("cp-2: fetch kubelet v1.37.2", "cp-2: fetch image etcd v3.7.3")


def test_an_image_that_a_kubelet_has_deleted_for_want_of_room_is_no_change_by_itself() -> None:
    settled = {name: HostState() for name in OVERLAPPING} | {"cp-2": HostState(images=("image coredns v1.14.2",))}
    assert plan_rollout(cluster(OVERLAPPING), settled, leader="cp-1", add_ons=()) == ()

    first, *_ = plan_rollout(cluster(OVERLAPPING), settled, leader="cp-1", add_ons=("Deployment kube-system/coredns",))
    assert first.does == ("cp-2: fetch image coredns v1.14.2",)


def test_a_program_that_is_missing_is_fetched_where_nothing_else_changes() -> None:
    settled = {name: HostState() for name in OVERLAPPING} | {"cp-2": HostState(missing=("kubectl v1.37.2",))}
    assert [step.label for step in plan_rollout(cluster(OVERLAPPING), settled, leader="cp-1", add_ons=())] == [
        "fetch everything"
    ]


def test_nothing_to_do_is_no_step() -> None:
    states = {name: HostState() for name in OVERLAPPING}
    assert plan_rollout(cluster(OVERLAPPING), states, leader="cp-1", add_ons=()) == ()


def test_a_changed_flag_touches_its_component_alone() -> None:
    states = {name: HostState() for name in OVERLAPPING} | {
        name: HostState({CONTROLLERS[1]: "kube-scheduler restarted"}) for name in ("cp-1", "cp-3")
    }
    steps = plan_rollout(cluster(OVERLAPPING), states, leader="cp-1", add_ons=())
    assert [(step.label, step.does, step.drains) for step in steps] == [
        ("host cp-1", ("cp-1: kube-scheduler restarted",), False),
        ("host cp-3", ("cp-3: kube-scheduler restarted",), False),
    ]


def test_a_node_that_an_earlier_roll_left_cordoned_is_opened() -> None:
    states = {name: HostState() for name in WORKERS | OVERLAPPING} | {"w-1": HostState({"cordon": "open again"})}
    (step,) = plan_rollout(cluster(OVERLAPPING | WORKERS), states, leader="cp-1", add_ons=())
    assert (step.label, step.drains) == ("host w-1", False)


def test_hooks_that_have_not_run_roll_every_host_and_drain_workers_as_any_change_does() -> None:
    roles = OVERLAPPING | WORKERS
    states = {name: HostState({"hooks": "hooks run: 1 before"}) for name in roles}
    steps = plan_rollout(cluster(roles), states, leader="cp-1", add_ons=())
    assert [(step.label, step.drains) for step in steps] == [
        *((f"host {name}", False) for name in OVERLAPPING),
        *((f"host {name}", True) for name in WORKERS),
    ]


@pytest.mark.parametrize(
    ("share", "workers", "size"),
    [(1, 3, 1), (2, 3, 2), ("50%", 4, 2), ("34%", 3, 1), ("1%", 3, 1), (0, 3, 1), ("100%", 3, 3)],
)
def test_batches_are_as_large_as_may_be_away(share: int | str, workers: int, size: int) -> None:
    assert batch_size(share, workers) == size


def test_workers_go_in_batches() -> None:
    roles = OVERLAPPING | WORKERS
    steps = plan_rollout(cluster(roles, maxUnavailable=2), states_of(roles), leader=None, add_ons=())
    assert [step.hosts for step in steps if step.drains] == [("w-1", "w-2"), ("w-3",)]


def test_workers_with_another_role_go_one_by_one_whatever_may_be_away() -> None:
    roles = {name: [*taken, "worker"] for name, taken in OVERLAPPING.items()} | WORKERS
    steps = plan_rollout(cluster(roles, maxUnavailable="100%"), states_of(roles), leader=None, add_ons=())
    assert [step.hosts for step in steps if step.drains] == [("cp-1",), ("cp-2",), ("cp-3",), ("w-1", "w-2", "w-3")]


@given(st.sampled_from(sorted(TOPOLOGIES)), st.integers(0, 40), st.booleans())
def test_whatever_was_done_what_is_left_keeps_the_rules_all_the_way(topology: str, stop: int, led: bool) -> None:  # noqa: FBT001 - drawn
    roles = TOPOLOGIES[topology]
    leader = next(name for name, taken in roles.items() if "etcd" in taken) if led else None
    whole = plan_rollout(cluster(roles), states_of(roles), leader=leader, add_ons=())
    done = {part for step in whole[: stop % (len(whole) + 1)] for part in parts_done(step, roles)}

    left = plan_rollout(cluster(roles), states_of(roles, frozenset(done)), leader=leader, add_ons=())

    for step in left:
        assert skew_problems(running(roles, done)) == []
        now = parts_done(step, roles)
        assert now, "a step that does nothing"
        assert not now & done, "a step that was done before"
        done |= now
    assert skew_problems(running(roles, done)) == []
    assert done == {(name, part) for name, taken in roles.items() for part in parts_of(taken)}


def running(roles: Mapping[str, list[str]], done: set[tuple[str, str]]) -> RunningVersions:
    def of(part: str, old: str, new: str) -> dict[str, str]:
        return {name: new if (name, part) in done else old for name, taken in roles.items() if part in parts_of(taken)}

    return RunningVersions(
        of("etcd/etcd", "v3.6.16", "v3.7.3"),
        of("control-plane/kube-apiserver", OLD, NEW),
        of(CONTROLLERS[0], OLD, NEW),
        of("kubelet", OLD, NEW),
    )


def test_a_pause_comes_after_the_last_step_on_a_host_or_after_a_named_step() -> None:
    made = cluster(OVERLAPPING)
    steps = plan_rollout(made, states_of(OVERLAPPING), leader="cp-1", add_ons=("ConfigMap x",))

    assert steps_until(steps, made, None) == steps
    assert steps_until(steps, made, "cp-2")[-1].label == "host cp-2"
    assert steps_until(steps, made, "etcd cp-3")[-1].label == "etcd cp-3"
    with pytest.raises(SpecError, match="`cp-9` is no host"):
        steps_until(steps, made, "cp-9")


def test_a_pause_after_a_host_that_is_done_comes_at_once() -> None:
    made = cluster(OVERLAPPING)
    states = states_of(OVERLAPPING) | {"cp-1": HostState()}
    assert steps_until(plan_rollout(made, states, leader=None, add_ons=()), made, "cp-1") == ()


def test_steps_go_through_xcom_unchanged() -> None:
    for step in plan_rollout(cluster(OVERLAPPING | WORKERS), states_of(OVERLAPPING | WORKERS), leader=None, add_ons=()):
        assert Step.of(step.value()) == step
