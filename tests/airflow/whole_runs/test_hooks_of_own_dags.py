"""Hooks as a user's own DAG takes them, at a cluster that create_cluster made in memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from windlass.airflow.hooks.cluster import ClusterHook
from windlass.airflow.hooks.etcd import EtcdHook
from windlass.airflow.hooks.kubernetes import KubernetesHook
from windlass.airflow.hooks.store import StoreHook
from windlass.effects.kubernetes.client import NODES
from windlass.errors import SpecError, UnreachableError
from world import World
from world.specs import THREE

DOC = Path(__file__).parents[3] / "docs" / "airflow.md"
HOSTS = ("cp-1", "cp-2", "cp-3")
UNKNOWN = "no-such-cluster"


@pytest.fixture
def world(new: Callable[[str], World]) -> World:
    made = new(THREE)
    made.run("create_cluster", spec=THREE)
    return made


@pytest.fixture
def asked(world: World) -> list[str]:
    """Give the connections that the store is asked for by from now on."""
    world.store_connections.clear()
    return world.store_connections


def test_each_hook_takes_the_stores_connection_and_the_clusters_name(world: World, asked: list[str]) -> None:
    with EtcdHook("another_store", cluster="demo") as etcd:
        members = {member.name: member.member_id for member in etcd.get_conn().members()}
        assert tuple(sorted(members)) == etcd.hosts == HOSTS
        assert etcd.member("cp-2").status().member_id == members["cp-2"]
    with KubernetesHook("another_store", cluster="demo") as kubernetes:
        assert [node["metadata"]["name"] for node in kubernetes.get_conn().list(NODES)] == ["cp-1"]
    assert StoreHook("another_store").get_conn() is world.store
    assert set(asked) == {"another_store"}


def test_the_first_etcd_member_that_answers_serves(world: World, asked: list[str]) -> None:
    world.machines["cp-1"].host.is_reachable = False
    with EtcdHook(cluster="demo") as etcd:
        assert etcd.get_conn().status() == etcd.member("cp-2").status()
    for machine in world.machines.values():
        machine.host.is_reachable = False
    with (
        EtcdHook(cluster="demo") as etcd,
        pytest.raises(UnreachableError, match=r"(?s)no etcd.*cp-1.*cp-2.*cp-3"),
    ):
        etcd.get_conn()
    assert asked == ["windlass_store", "windlass_store"]


def test_what_was_connected_ends_and_the_next_use_connects_again(world: World, asked: list[str]) -> None:
    hook = ClusterHook(cluster="demo")
    with hook:
        before = hook.connection("cp-1")
    assert hook.connection("cp-1") is not before
    hook.close()
    assert world.is_known
    assert asked == ["windlass_store"]


def test_a_cluster_that_the_store_does_not_know_is_named(world: World, asked: list[str]) -> None:
    with EtcdHook(cluster=UNKNOWN) as hook, pytest.raises(SpecError, match=f"the store knows no cluster `{UNKNOWN}`"):
        hook.get_conn()
    assert (world.is_known, len(asked)) == (True, 1)


def test_the_dag_of_the_documentation_does_what_it_says(world: World, asked: list[str]) -> None:
    (snippet,) = re.findall(r"```python\n(from airflow\.sdk import dag.*?)```", DOC.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(snippet, str(DOC), "exec"), names)  # noqa: S102 - it is our own documentation
    dag = names["cluster_report"]()
    results = {task.task_id: task.python_callable() for task in dag.tasks}

    assert sorted(results["clusters_etcd"]["members"]) == list(HOSTS)
    assert results["clusters_etcd"]["revision"] > 0
    assert results["nodes"] == ["cp-1"]
    assert "name: demo" in results["spec"]
    assert world.is_known
    assert set(asked) == {"windlass_store"}
