from __future__ import annotations

import pytest

from unit.rollout.test_rollout_plan import OVERLAPPING, WORKERS, cluster
from windlass.domain.rollout.step import Step, StepKind
from windlass.domain.rollout.verification import nodes_to_try

CLUSTER = cluster(OVERLAPPING | WORKERS)
JOIN = (Step("prepare", ("w-3",), ()), Step("host", ("w-3",), ("w-3: kubelet", "Node w-3: its labels")))


def test_a_worker_that_joined_is_tried_with_one_that_was_there() -> None:
    assert nodes_to_try(CLUSTER, JOIN) == {"w-3", "w-1"}


def test_after_workers_left_two_of_those_that_stay_are_tried() -> None:
    assert nodes_to_try(CLUSTER, (Step("leave", ("w-9",), (), drains=True),)) == {"w-1", "w-2"}


@pytest.mark.parametrize("kind", ["etcd-join", "forget", "prefetch"])
def test_what_concerns_the_whole_cluster_is_tried_everywhere(kind: StepKind) -> None:
    assert nodes_to_try(CLUSTER, (*JOIN, Step(kind, ("cp-1",), ()))) == frozenset()


def test_a_changed_flag_of_the_api_servers_is_tried_on_two_nodes() -> None:
    assert nodes_to_try(CLUSTER, tuple(Step("api-server", (f"cp-{n}",), ()) for n in (1, 2, 3))) == {"w-1", "w-2"}


def test_an_object_that_changed_is_tried_everywhere() -> None:
    assert nodes_to_try(CLUSTER, (*JOIN, Step("add-ons", (), ("DaemonSet kube-flannel/flannel",)))) == frozenset()


def test_nothing_done_is_tried_everywhere() -> None:
    assert nodes_to_try(CLUSTER, ()) == frozenset()
