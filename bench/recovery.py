"""How long a cluster is away: after the loss of all etcd members, small and of 340 MB, and while one is replaced.

Timed from the request to Airflow's REST API: a recovery until the first write that the API acknowledges, with
all of Airflow's tasks before it; a replacement until the member has its vote and the run has ended.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.catalog import benchmark
from bench.cluster_end import wait_until
from bench.figure import Bar, Figure
from bench.inside import fill, inside, vault_of
from bench.standing import Standing, standing
from bench.workbench import Workbench
from windlass.domain.pki import Pki
from windlass.domain.rendering.layout import API_PORT
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.errors import WindlassError
from windlass.operations.backup.taking import take_bundle
from windlass.operations.cluster_api import credentials_of

ROUNDS = 3
_LOSE = "docker kill windlass-etcd >/dev/null 2>&1; rm -rf /var/lib/windlass/etcd/member*"


@benchmark("recovery_small_s")
def measure_small(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (all benchmarks are called alike; it has its own lab)
    """Lose all members of a new cluster, and recover it from its newest bundle."""
    with _cluster("bench-recovery") as stand:
        yield Figure("recovery_small_s", "s", tuple(_recover(stand) for _ in range(ROUNDS)), Bar(45, may_equal=True))


@benchmark("recovery_340mb_s")
def measure_large(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (as above)
    """Do the same with a database of 340 MB that does not compress."""
    with _cluster("bench-large") as stand:
        fill(stand)
        yield Figure("recovery_340mb_s", "s", tuple(_recover(stand) for _ in range(ROUNDS)), Bar(75, may_equal=True))


@benchmark("member_replacement_s")
def measure_replacement(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (as above)
    """Lose one member's data, and replace it."""
    with _cluster("bench-member") as stand:
        yield Figure(
            "member_replacement_s", "s", tuple(_replace(stand) for _ in range(ROUNDS)), Bar(30, may_equal=True)
        )


@contextmanager
def _cluster(name: str) -> Iterator[Standing]:
    """Make a cluster that nobody watches: what is broken here is left for the run that is timed."""
    with standing(name) as stand:
        stand.run("create_cluster", spec=stand.spec)
        yield stand


def _recover(stand: Standing) -> float:
    with inside(stand) as (site, pki):
        take_bundle(site, pki, vault_of(stand), by="the benchmark")
        etcd = site.cluster.hosts_with("etcd")
        site.on_hosts("lose", etcd, lambda _, connection: connection.run(["sh", "-c", _LOSE], sudo=True))
    started = time.monotonic()
    run_id = stand.start("disaster_recovery", auto_approve=True)
    _wait_for_write(stand, pki)
    took = time.monotonic() - started
    stand.finish("disaster_recovery", run_id)
    return took


def _wait_for_write(stand: Standing, pki: Pki) -> None:
    """Return as soon as any API server acknowledges a write."""
    meta = {"name": f"bench-{uuid.uuid4().hex[:8]}", "namespace": "default"}
    written: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
    addresses = [host.address for host in stand.lab.hosts[:3]]
    clients = [KubernetesClient(one, API_PORT, credentials_of(pki), 2.0) for one in addresses]

    def acknowledged() -> bool:
        return any(_applies(client, written) for client in clients)

    wait_until(acknowledged, "no write is acknowledged")
    for client in clients:
        client.close()


def _applies(client: KubernetesClient, written: dict[str, Any]) -> bool:
    try:
        client.apply(written)
    except WindlassError:
        return False
    return True


def _replace(stand: Standing) -> float:
    with inside(stand) as (site, _):
        site.connections.get("cp-2").run(["sh", "-c", _LOSE], sudo=True)
    took, _ = stand.run("replace_member", host="cp-2")
    return took
