"""A host that carries another cluster's mark is touched by no operation of this one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException

from windlass.domain.host.layout import CLUSTER_MARK
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.ssh.fake import FakeHost
from windlass.errors import ForeignHostError, RefusedError, WindlassError
from windlass.operations.own_host import refuse_foreign_host
from world import World
from world.specs import SMALL

GROWN = f"{SMALL}      - {{name: w-2, address: 192.0.2.13, roles: [worker]}}\n"
ANEW = {"auto_approve": True, "overwrite_healthy": True, "confirm_name": "demo"}
OPERATIONS: dict[str, dict[str, Any]] = {
    "apply_cluster": {"spec": SMALL.replace("front", "back"), "auto_approve": True},
    "create_cluster": {},
    "upgrade_cluster": {"spec": SMALL.replace("front", "back"), "auto_approve": True},
    "heal_cluster": {},
    "disaster_recovery": ANEW,
    "delete_cluster": {"confirm_name": "demo", "keep_backups": True},
}


@pytest.fixture
def world(new: Callable[[str], World]) -> World:
    made = new(SMALL)
    made.run("create_cluster", spec=SMALL)
    made.run("etcd_backup")
    return made


def mark(world: World, name: str, cluster: str) -> None:
    host = world.machines[name].host
    host.files[CLUSTER_MARK] = RemoteFile(f"{cluster}\n".encode())
    host.calls.clear()
    host.writes.clear()


def was_touched(world: World, name: str) -> list[tuple[str, ...]]:
    """Return what was asked of a host besides reading its mark."""
    return [call.argv for call in world.machines[name].host.calls if call.argv != ("<read>", CLUSTER_MARK)]


@pytest.mark.parametrize("host", ["cp-1", "w-1"])
@pytest.mark.parametrize("dag_id", OPERATIONS)
def test_no_operation_touches_a_host_that_another_cluster_has(world: World, dag_id: str, host: str) -> None:
    mark(world, host, "prod")
    # Remediation sees to the other hosts, and an apply may leave a worker for later: neither has to fail.
    with contextlib.suppress(WindlassError, AirflowException):
        world.run(dag_id, **OPERATIONS[dag_id])
    assert was_touched(world, host) == []


@pytest.mark.parametrize("host", ["cp-1", "w-1"])
def test_a_recovery_is_refused_as_a_whole(world: World, host: str) -> None:
    mark(world, host, "prod")
    with pytest.raises(ForeignHostError, match=f"{host}: it belongs to the cluster `prod`"):
        world.run("disaster_recovery", **ANEW)
    other = "w-1" if host == "cp-1" else "cp-1"
    assert world.machines[other].host.files[CLUSTER_MARK].content == b"demo\n"


def test_no_host_of_another_cluster_joins(new: Callable[[str], World]) -> None:
    grown = new(GROWN)
    grown.run("create_cluster", spec=SMALL)
    mark(grown, "w-2", "prod")
    with pytest.raises(RefusedError, match="w-2: it belongs to the cluster `prod`"):
        grown.run("apply_cluster", spec=GROWN, auto_approve=True)
    assert was_touched(grown, "w-2") == []


def test_a_preflight_names_the_cluster_that_has_the_host(new: Callable[[str], World]) -> None:
    world = new(SMALL)
    mark(world, "w-1", "prod")
    with pytest.raises(RefusedError, match="w-1: it belongs to the cluster `prod`; delete that cluster first"):
        world.run("create_cluster", spec=SMALL)


@pytest.mark.parametrize("content", [None, b"", b"demo\n", b"#!? \x00", b"\xff"])
def test_a_mark_that_names_no_other_cluster_keeps_nobody_out(content: bytes | None) -> None:
    host = FakeHost("w-1", files={} if content is None else {CLUSTER_MARK: RemoteFile(content)})
    refuse_foreign_host("demo", host.connect())
