"""A cluster of 3 + 1 hosts by `create_cluster` and by kubeadm, in turn, each on fresh hosts of the same kind.

Untimed for both: programs and images are on the hosts, container runtimes run. Timed: from the request to Airflow's
REST API, or from `kubeadm init`, until all nodes are Ready and the cluster's DNS answers.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator

from bench.catalog import benchmark
from bench.figure import Bar, Figure, Peer
from bench.kubeadm_twin import one_round
from bench.lab_cluster import VERSION, LabCluster, lab_cluster
from bench.rounds import alternate
from bench.workbench import Workbench
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.spec import Cluster
from windlass.effects.catalog import load_catalog
from windlass.effects.mirror import fetch_lock
from windlass.effects.packaged import catalog_directory
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.pool import Connections
from windlass.operations.apply.prepare import prepare_host
from windlass.operations.cluster import open_session

ROUNDS = 3
_WHAT_CREATE_WRITES = ("/etc/windlass/stacks", "/etc/windlass/kubelet", "/etc/windlass/cluster")


@benchmark("create_vs_kubeadm")
def measure(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (all benchmarks are called alike; it has its own lab)
    """Create by both, several times in turn."""
    ours, theirs = alternate(_create, lambda: one_round().dns_answers, ROUNDS)
    yield Figure("create_s", "s", ours, peer=Peer("kubeadm", theirs))
    ratios = tuple(our / their for our, their in zip(ours, theirs, strict=True))
    yield Figure("create_vs_kubeadm", "times", ratios, Bar(1, may_equal=True))


def _create() -> float:
    with lab_cluster("bench-create") as stand:
        prepare(stand)
        started = time.monotonic()
        run_id = stand.start("create_cluster", spec=stand.spec)
        stand.wait_for_cluster()
        took = time.monotonic() - started
        stand.finish("create_cluster", run_id)
        return took


def prepare(stand: LabCluster, cluster: Cluster | None = None, names: Collection[str] | None = None) -> None:
    """Put programs and images on hosts and start their runtimes, and take away the files that create writes.

    All hosts of the stand's cluster, or those of the `names` in another `cluster`.
    """
    cluster = cluster or stand.cluster
    release = load_catalog(catalog_directory()).release(VERSION)
    mirror = MirrorAddresses(stand.lab.mirror_url, stand.lab.registry)
    connections = Connections([stand.lab.target(host.name) for host in stand.lab.hosts])
    with open_session(cluster, release, (fetch_lock(mirror.files), mirror), connections) as session:
        hosts = [host for host in session.hosts if names is None or host.name in names]
        session.on_hosts("prepare hosts", hosts, lambda host, connection: prepare_host(session, host, connection))
        session.on_hosts("clear", hosts, lambda _, connection: _clear(connection))


def _clear(connection: Connection) -> None:
    connection.run(["rm", "-rf", *_WHAT_CREATE_WRITES], sudo=True)
