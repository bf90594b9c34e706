"""One cluster for all benchmarks of changes: seven hosts, of which a benchmark takes those that it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import cache

from bench.create_vs_kubeadm import prepare
from bench.lab_cluster import LabCluster, lab_cluster
from windlass.domain.spec import load_cluster
from windlass.errors import WindlassError

Roles = Mapping[str, tuple[str, ...]]
HOSTS = ("cp-1", "cp-2", "cp-3", "w-1", "w-2", "w-3", "w-4")
APPROVED: Mapping[str, object] = {"auto_approve": True, "allow_untested": True}
_PLANE = ("etcd", "control-plane")
ONE: Roles = {"cp-1": _PLANE, "w-1": ("worker",)}
THREE: Roles = {**dict.fromkeys(("cp-1", "cp-2", "cp-3"), _PLANE), "w-1": ("worker",)}


def workers(*names: str) -> Roles:
    """Return 3 + 1 hosts with more workers."""
    return {**THREE, **dict.fromkeys(names, ("worker",))}


@cache
def changing_cluster(cleanup: ExitStack) -> LabCluster:
    """Return the cluster of 3 + 1 hosts that all of these benchmarks share, made when it is first asked for."""
    stand = cleanup.enter_context(lab_cluster("bench-change", hosts=HOSTS))
    stand.run("create_cluster", spec=stand.spec_with(THREE))
    return stand


def bring_to(stand: LabCluster, roles: Roles, **sections: object) -> tuple[float, str]:
    """Apply a spec; seconds from the request to Airflow to the run's end, and the run's id."""
    return stand.run("apply_cluster", spec=stand.spec_with(roles, **sections), **APPROVED)


def put_ready(stand: LabCluster, names: Iterable[str]) -> None:
    """Put programs and images on hosts that are to join and start their runtimes, as on hosts of a prepared image."""
    everybody = {**THREE, **dict.fromkeys(HOSTS[4:], ("worker",))}
    prepare(stand, load_cluster(stand.spec_with(everybody), "the benchmark's spec"), frozenset(names))


def outcome(stand: LabCluster, run_id: str) -> str:
    """Return what a run of `apply_cluster` came to."""
    return str(stand.airflow.xcom("apply_cluster", run_id, "result")["state"])


def require(is_so: object, what: str) -> None:
    """WindlassError unless what was measured is what is told of it."""
    if not is_so:
        raise WindlassError(f"not what was to be measured: {what}")
