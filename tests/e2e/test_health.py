"""Watching a real cluster from Airflow's triggerer: what is noticed, and what must not be taken for trouble.

Repair stays paused here, so that what is broken on purpose stays as it is until the test mends it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2e.ground import CLUSTER, HOSTS, Ground, wait_for
from windlass.domain.health import Finding
from windlass.effects.store import ServiceLog
from windlass_lab.faults import cut, mend

API = "windlass-kube-apiserver"
NOTICED = timedelta(seconds=60)
"""A bound for a busy machine; the promised figures are those of the benchmarks."""


@pytest.fixture(scope="module")
def watched(ground: Ground) -> Iterator[Ground]:
    """The cluster, seen to be healthy by a watcher in Airflow; repair paused."""
    if ground.records.spec() is None or ground.not_ready():
        ground.apply(ground.spec()).succeeded()
    ground.client.wait_for_dag("watch_health")
    ground.client.pause("heal_cluster")
    ground.client.unpause("watch_health")
    until_healthy(ground)
    yield ground
    ground.client.pause("watch_health")


def status(ground: Ground) -> Mapping[str, Any]:
    return ground.records.status() or {"observed": "1970-01-01T00:00:00+00:00", "subjects": [], "findings": []}


def findings(ground: Ground) -> list[Finding]:
    return [Finding.from_dict(one) for one in status(ground)["findings"]]


def until_healthy(ground: Ground) -> None:
    def is_healthy() -> bool:
        seen = status(ground)
        return (
            bool(seen["subjects"]) and not seen["findings"] and all(s["status"] == "healthy" for s in seen["subjects"])
        )

    wait_for(is_healthy, "all is seen to be healthy", timedelta(minutes=4))


def noticed(ground: Ground, is_it: Callable[[Finding], bool]) -> Finding:
    def find() -> Finding | None:
        return next((one for one in findings(ground) if is_it(one)), None)

    found: Finding = wait_for(find, "a finding", NOTICED)
    return found


@contextmanager
def broken(ground: Ground, host: str, fault: str, cure: str) -> Iterator[None]:
    ground.on(host, fault)
    try:
        yield
    finally:
        ground.on(host, cure)
    until_healthy(ground)


def others(host: str) -> set[str]:
    return set(HOSTS) - {host}


@pytest.mark.full
def test_an_api_server_ended_by_docker_kill_is_noticed_by_the_majority_and_starts_a_run(watched: Ground) -> None:
    before = {run.run_id for run in watched.client.runs("watch_health")}
    with broken(watched, "cp-2", "docker kill windlass-kube-apiserver", "docker start windlass-kube-apiserver"):
        found = noticed(watched, lambda one: (one.host, one.component) == ("cp-2", "kube-apiserver"))
        assert found.kind.value == "process_down"
        assert set(found.seen_from) <= others("cp-2")
        assert len(found.seen_from) >= 2
        new = wait_for(
            lambda: [run for run in watched.client.runs("watch_health") if run.run_id not in before], "a run of the DAG"
        )
        run = watched.finish("watch_health", new[0].run_id).succeeded()
        assert run.result("dispatch") == [CLUSTER]
        assert found.id in run.log("dispatch")
        assert len(findings(watched)) == 1
    assert "over: process down: kube-apiserver on cp-2" in watched.service_log()


@pytest.mark.full
@pytest.mark.parametrize(
    ("component", "fault", "cure", "kind"),
    [
        ("etcd", "docker stop windlass-etcd", "docker start windlass-etcd", "process_down"),
        ("kube-apiserver", f"docker pause {API}", f"docker unpause {API}", "process_down"),
        ("kubelet", "systemctl stop kubelet", "systemctl start kubelet", "process_down"),
    ],
)  # fmt: skip
def test_what_is_stopped_or_hangs_is_noticed(watched: Ground, component: str, fault: str, cure: str, kind: str) -> None:
    with broken(watched, "cp-3", fault, cure):
        found = noticed(watched, lambda one: (one.host, one.component, one.kind.value) == ("cp-3", component, kind))
        assert "cp-3" not in found.seen_from


@pytest.mark.full
def test_a_process_that_docker_starts_again_by_itself_is_left_to_it(watched: Ground) -> None:
    began = datetime.fromisoformat(status(watched)["observed"])
    watched.on("cp-1", "kill -9 $(docker inspect -f '{{.State.Pid}}' windlass-kube-scheduler)")
    wait_for(lambda: datetime.fromisoformat(status(watched)["observed"]) > began + timedelta(seconds=30), "time passes")
    assert findings(watched) == []


@pytest.mark.full
def test_a_host_that_is_cut_off_from_the_others_speaks_against_none_of_them(watched: Ground) -> None:
    peers = sorted(others("cp-1"))
    cut(watched.lab, "cp-1", "both", peers)
    try:
        found = noticed(watched, lambda one: one.host == "cp-1")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            assert {one.host for one in findings(watched)} <= {"cp-1"}
            time.sleep(0.5)
    finally:
        mend(watched.lab, "cp-1")
    assert found.kind.value == "network_cut"
    until_healthy(watched)


@pytest.mark.full
def test_flapping_below_the_threshold_finds_nothing(watched: Ground) -> None:
    began = datetime.now(UTC)
    for _ in range(5):
        watched.on("cp-2", "docker pause windlass-kube-scheduler; sleep 2; docker unpause windlass-kube-scheduler")
    assert findings(watched) == []
    new = [event.text for event in ServiceLog(watched.store, CLUSTER).newest(500) if event.time >= began]
    assert not [line for line in new if line.startswith("process down")]


@pytest.mark.full
def test_a_triggerer_that_is_killed_goes_on_where_it_was(watched: Ground) -> None:
    with broken(watched, "cp-2", "docker kill windlass-kube-scheduler", "docker start windlass-kube-scheduler"):
        found = noticed(watched, lambda one: one.component == "kube-scheduler")
        watched.component("triggerer").kill()
        seen = status(watched)["observed"]
        wait_for(lambda: status(watched)["observed"] > seen, "the watcher is back", timedelta(minutes=4))
        assert [one.id for one in findings(watched)] == [found.id]
