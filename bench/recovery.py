"""How long a small cluster is away: after the loss of all etcd members, and while one is replaced.

Timed from the request to Airflow's REST API: a recovery until the first write that the API acknowledges, with
all of Airflow's tasks before it; a replacement until the member has its vote and the run has ended.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from bench.catalog import benchmark
from bench.cluster_end import wait_until
from bench.figure import Bar, Figure
from bench.inside import inside, small_cluster, vault_of
from bench.lab_cluster import LabCluster
from bench.workbench import Workbench
from windlass.domain.host.layout import API_PORT
from windlass.domain.pki import Pki
from windlass.effects.kubernetes.client import KubernetesClient, Resource
from windlass.errors import WindlassError
from windlass.operations.backup.take import take_bundle
from windlass.operations.cluster_api import credentials_of

ROUNDS = 3
_CONFIG_MAPS = Resource("v1", "configmaps", namespaced=True)
_LOSE = "docker kill windlass-etcd >/dev/null 2>&1; rm -rf /var/lib/windlass/etcd/member*"
_ANSWER_SECONDS = 1.0


@benchmark("recovery_small_s")
def measure_small(bench: Workbench) -> Iterator[Figure]:
    """Lose all members of a new cluster, and recover it from its newest bundle."""
    stand = small_cluster(bench.cleanup)
    yield Figure("recovery_small_s", "s", tuple(recover(stand) for _ in range(ROUNDS)), Bar(45, may_equal=True))


@benchmark("member_replacement_s")
def measure_replacement(bench: Workbench) -> Iterator[Figure]:
    """Lose one member's data, and replace it."""
    stand = small_cluster(bench.cleanup)
    yield Figure("member_replacement_s", "s", tuple(_replace(stand) for _ in range(ROUNDS)), Bar(30, may_equal=True))


def recover(stand: LabCluster) -> float:
    """Take a bundle, lose all members, and return the seconds from the request until the API acknowledges a write."""
    with inside(stand) as (session, pki):
        take_bundle(session, pki, vault_of(stand), by="the benchmark")
        etcd = session.cluster.hosts_with("etcd")
        session.on_hosts("lose", etcd, lambda _, connection: connection.run(["sh", "-c", _LOSE], sudo=True))
    started = time.monotonic()
    run_id = stand.start("disaster_recovery", auto_approve=True)
    _wait_for_write(stand, pki)
    took = time.monotonic() - started
    stand.finish("disaster_recovery", run_id)
    return took


def _wait_for_write(stand: LabCluster, pki: Pki) -> None:
    """Return as soon as any API server acknowledges a write."""
    with ExitStack() as opened:
        clients = [
            opened.enter_context(KubernetesClient(host.address, API_PORT, credentials_of(pki), _ANSWER_SECONDS))
            for host in stand.lab.hosts[:3]
        ]
        wait_until(lambda: any(_writes(client) for client in clients), "no write is acknowledged")


def _writes(client: KubernetesClient) -> bool:
    meta = {"name": f"bench-{uuid.uuid4().hex}", "namespace": "default"}
    written: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
    try:
        return client.create(_CONFIG_MAPS, written)
    except WindlassError:
        return False


def _replace(stand: LabCluster) -> float:
    with inside(stand) as (session, _):
        session.connections.get("cp-2").run(["sh", "-c", _LOSE], sudo=True)
    took, _ = stand.run("replace_member", host="cp-2")
    return took
