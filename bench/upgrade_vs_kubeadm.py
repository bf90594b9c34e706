"""3 + 1 hosts from 1.36.3 to 1.37.2 by `upgrade_cluster` and by kubeadm on fresh hosts of the same kind; and the gate.

Ours is timed from the request to Airflow's REST API to the end of the run: gate, bundle, fetching, roll, verification.
kubeadm's programs and images are on the hosts before its time begins, and nothing is backed up or verified.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.catalog import benchmark
from bench.figure import Bar, Figure, Peer
from bench.kubeadm_config import Secrets
from bench.kubeadm_host import Mirror
from bench.kubeadm_twin import Twin
from bench.kubeadm_upgrade import OLD, UpgradeTimes, lay_new_beside_old, upgrade
from bench.lab_cluster import VERSION, lab_cluster
from bench.workbench import Workbench, temporary_lab
from windlass.effects.ssh.fan_out import on_each
from windlass.effects.ssh.pool import Connections


@dataclass(frozen=True)
class OurTimes:
    """Seconds of a whole run, and of its gate."""

    run: float
    gate: float


@benchmark("upgrade_vs_kubeadm")
def measure(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (all benchmarks are called alike; it has its own lab)
    """Upgrade by both, once: kubeadm alone takes many minutes."""
    theirs, ours = _theirs(), _ours()
    yield Figure("upgrade_s", "s", (ours.run,), Bar(240, may_equal=True), Peer("kubeadm", (theirs.done,)))
    yield Figure("upgrade_vs_kubeadm", "times", (ours.run / theirs.done,), Bar(0.8, may_equal=True))
    yield Figure("gate_s", "s", (ours.gate,), Bar(30, may_equal=True))
    yield Figure("kubeadm_upgrade_apply_s", "s", (theirs.first_applied,))


def _ours() -> OurTimes:
    with lab_cluster("bench-upgrade") as stand:
        stand.airflow.wait_for_dag("upgrade_cluster")
        stand.run("create_cluster", spec=stand.spec_at(OLD.kubernetes))
        took, run_id = stand.run("upgrade_cluster", version=VERSION, auto_approve=True, allow_untested=True)
        seconds = {task.task_id: task.seconds for task in stand.airflow.tasks("upgrade_cluster", run_id)}
        return OurTimes(took, seconds["gate"] or 0.0)


def _theirs() -> UpgradeTimes:
    with (
        temporary_lab("bench-twin", hosts=4) as lab,
        Connections([lab.target(host.name) for host in lab.hosts]) as connections,
    ):
        opened = on_each(connections.names, connections.get, doing="connect")
        twin = Twin(lab, opened, Mirror(lab.mirror_url, lab.registry), OLD, Secrets())
        twin.prepare()
        twin.create()
        lay_new_beside_old(twin)
        return upgrade(twin)
