"""How long a failure lasts: from the end of an API server or an etcd member until it answers again, by itself.

All of it counts: the watch that notices, Airflow's way to a run, and the run that looks, acts and starts it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx

from bench.catalog import benchmark
from bench.cluster_end import wait_until
from bench.figure import Bar, Figure
from bench.standing import Standing, standing
from bench.workbench import Workbench
from windlass.domain.rendering.layout import API_PORT, ETCD_STATUS_PORT
from windlass.domain.secret import Secret
from windlass.effects.store import ClusterRecords, S3Store, StoreConfig
from windlass_lab.containers import container_name
from windlass_lab.docker import docker
from windlass_lab.model import BUCKET

ROUNDS = 5
HOSTS = ("cp-1", "cp-2", "cp-3")
"""One after another: what fails again and again on one host is repaired after ever longer pauses, and at last not."""
_LOOK_SECONDS = 0.1
_HEALTH = f"curl -fsS --max-time 1 http://127.0.0.1:{ETCD_STATUS_PORT}/readyz >/dev/null 2>&1 && echo ok || true"


@benchmark("heal")
def measure(bench: Workbench) -> Iterator[Figure]:  # noqa: ARG001 (all benchmarks are called alike; it has its own lab)
    """End an API server and an etcd member, and let a member lose its data, several times each."""
    with standing("bench-heal") as stand:
        stand.run("create_cluster", spec=stand.spec)
        stand.airflow.unpause("heal_cluster")
        stand.airflow.unpause("watch_health")
        yield from figures(stand)


def figures(stand: Standing) -> Iterator[Figure]:
    """Yield the figures of a cluster that is watched."""
    api = _rounds(stand, "docker kill windlass-kube-apiserver", _is_api_ready)
    yield Figure("heal_api_server_s", "s", api, Bar(20))
    etcd = _rounds(stand, "docker kill windlass-etcd", _is_member_ready)
    yield Figure("heal_etcd_s", "s", etcd, Bar(45))
    lose = "docker kill windlass-etcd >/dev/null; rm -rf /var/lib/windlass/etcd/member"
    yield Figure("heal_etcd_without_data_s", "s", _rounds(stand, lose, _is_member_ready), Bar(45))


def _rounds(stand: Standing, failure: str, is_back: Callable[[Standing, str], bool]) -> tuple[float, ...]:
    return tuple(_round(stand, HOSTS[turn % len(HOSTS)], failure, is_back) for turn in range(ROUNDS))


def _round(stand: Standing, host: str, failure: str, is_back: Callable[[Standing, str], bool]) -> float:
    _wait_for_calm(stand)
    started = time.monotonic()
    _on(stand, host, f"{failure} >/dev/null")
    wait_until(lambda: is_back(stand, host), f"{host} is not back")
    return time.monotonic() - started


def _wait_for_calm(stand: Standing) -> None:
    """Return once the watch, by a look of its own since now, calls all healthy, and no repair is under way."""
    s3 = stand.lab.s3_credentials()
    config = StoreConfig(BUCKET, "", stand.lab.s3_endpoint, "us-east-1", s3.access_key, Secret(s3.secret_key))
    records = ClusterRecords(S3Store(config), stand.cluster.name)

    def is_calm() -> bool:
        status = records.status() or {}
        subjects = status.get("subjects", [])
        is_fresh = subjects and datetime.fromisoformat(status["observed"]) > datetime.now(UTC) - timedelta(minutes=4)
        is_healthy = all(one["status"] == "healthy" for one in subjects) and not status.get("findings")
        return bool(is_fresh) and is_healthy and all(run.has_ended for run in stand.airflow.runs("heal_cluster"))

    time.sleep(3)  # a failure right after the last one would meet a container that is still starting
    wait_until(is_calm, "the cluster is not calm")


def _is_api_ready(stand: Standing, host: str) -> bool:
    time.sleep(_LOOK_SECONDS)
    try:
        url = f"https://{stand.lab.host(host).address}:{API_PORT}/readyz"
        return httpx.get(url, verify=False, timeout=1, trust_env=False).text == "ok"  # noqa: S501 (is it there at all)
    except httpx.HTTPError:
        return False


def _is_member_ready(stand: Standing, host: str) -> bool:
    time.sleep(_LOOK_SECONDS)
    return _on(stand, host, _HEALTH).strip() == "ok"


def _on(stand: Standing, host: str, script: str) -> str:
    name = container_name(stand.lab.name, host)
    return docker("exec", "--interactive", name, "sh", "-s", stdin=script.encode(), host=host)
