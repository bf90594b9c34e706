"""Watching a real cluster from Airflow's triggerer: what is noticed, and what must not be taken for trouble.

Remediation stays paused here, so that what is broken on purpose stays as it is until the test fixes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2e.ground import CLUSTER, HOSTS, Ground, wait_for
from e2e.remediation import events_since, is_told
from e2e.standing import ensure_cluster
from windlass.domain.health import Finding
from windlass.domain.servicelog import Event
from windlass_lab.faults import cut, mend

pytestmark = pytest.mark.full

NOTICED = timedelta(seconds=90)
"""A bound for a busy machine; the promised figures are those of the benchmarks."""


@pytest.fixture(scope="module")
def watching(ground: Ground) -> Iterator[Ground]:
    """The cluster, seen to be healthy by a watcher in Airflow; repair paused."""
    ensure_cluster(ground)
    began = datetime.now(UTC)
    wait_for(lambda: all(run.has_ended for run in ground.repairs()), "earlier repair runs have ended")
    ground.client.pause("heal_cluster")
    ground.client.unpause("watch_health")
    try:
        until_healthy(ground, began)
        yield ground
    finally:
        ground.client.pause("watch_health")
        ground.client.unpause("heal_cluster")


@pytest.fixture
def watched(watching: Ground) -> Ground:
    """The same, healthy again after whatever test was before."""
    until_healthy(watching)
    return watching


def findings(ground: Ground) -> list[Finding]:
    status: Mapping[str, Any] = ground.records.status() or {}
    return [Finding.from_dict(one) for one in status.get("findings", [])]


def until_healthy(ground: Ground, since: datetime | None = None) -> None:
    wait_for(lambda: ground.is_seen_healthy(since), "all is seen to be healthy", timedelta(minutes=4))


def noticed(ground: Ground, host: str, component: str, kind: str) -> Finding:
    def find() -> Finding | None:
        desired = (host, component, kind)
        return next((one for one in findings(ground) if (one.host, one.component, one.kind.value) == desired), None)

    found: Finding = wait_for(find, f"a finding of {kind} on {component} of {host}", NOTICED)
    return found


def holds_for(span: timedelta, is_so: Callable[[], bool], what: str) -> None:
    """Fail if something is not so at any time within `span`."""
    deadline = time.monotonic() + span.total_seconds()
    while time.monotonic() < deadline:
        assert is_so(), f"not so within {span}: {what}"
        time.sleep(0.5)


def found_since(ground: Ground, began: datetime) -> list[Event]:
    """Return the entries of the service log that tell of something found since."""
    return [one for one in events_since(ground, began) if one.level == "error" and "finding" in one.details]


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


def test_an_api_server_ended_by_docker_kill_is_noticed_by_the_majority_and_starts_a_run(watched: Ground) -> None:
    before = {run.run_id for run in watched.client.runs("watch_health")}
    began = datetime.now(UTC)

    def run_about(finding: Finding) -> bool:
        runs = [run for run in watched.client.runs("watch_health") if run.run_id not in before and run.has_ended]
        return any(finding.id in watched.finish("watch_health", run.run_id).log("dispatch") for run in runs)

    with broken(watched, "cp-2", "docker kill windlass-kube-apiserver", "docker start windlass-kube-apiserver"):
        found = noticed(watched, "cp-2", "kube-apiserver", "process_down")
        assert set(found.seen_from) <= others("cp-2")
        assert len(found.seen_from) >= 2
        wait_for(lambda: run_about(found), "a run that hands it on")
        assert [(one.host, one.component) for one in findings(watched)] == [("cp-2", "kube-apiserver")]
    new = [run for run in watched.client.runs("watch_health") if run.run_id not in before]
    assert watched.finish("watch_health", new[0].run_id).succeeded().result("dispatch") == [CLUSTER]
    over = "over: process down: kube-apiserver on cp-2"
    wait_for(lambda: is_told(watched, began, over), over)


@pytest.mark.parametrize(
    ("component", "fault", "cure"),
    [
        ("etcd", "docker stop windlass-etcd", "docker start windlass-etcd"),
        ("kube-apiserver", "docker pause windlass-kube-apiserver", "docker unpause windlass-kube-apiserver"),
        ("kubelet", "systemctl stop kubelet", "systemctl start kubelet"),
    ],
)
def test_what_is_stopped_or_hangs_is_noticed(watched: Ground, component: str, fault: str, cure: str) -> None:
    with broken(watched, "cp-3", fault, cure):
        assert "cp-3" not in noticed(watched, "cp-3", component, "process_down").seen_from


@pytest.mark.parametrize("unit", ["docker", "windlass-containerd"])
def test_a_unit_that_systemd_calls_active_and_that_hangs_is_noticed(watched: Ground, unit: str) -> None:
    signal = "systemctl kill --kill-who main --signal {0} {1}"
    with broken(watched, "w-1", signal.format("STOP", unit), signal.format("CONT", unit)):
        assert noticed(watched, "w-1", unit, "unit_down").seen_from == ("w-1",)


def test_a_process_that_docker_starts_again_by_itself_is_left_to_it(watched: Ground) -> None:
    began = datetime.now(UTC)
    watched.on("cp-1", "kill -9 $(docker inspect -f '{{.State.Pid}}' windlass-kube-scheduler)")
    holds_for(timedelta(seconds=25), lambda: not findings(watched), "nothing is found")
    assert found_since(watched, began) == []


def test_a_host_that_is_cut_off_from_the_others_speaks_against_none_of_them(watched: Ground) -> None:
    began = datetime.now(UTC)
    cut(watched.lab, "cp-1", "both", sorted(others("cp-1")))
    try:
        noticed(watched, "cp-1", "kubelet", "network_cut")
        is_alone = timedelta(seconds=10), lambda: {one.host for one in findings(watched)} <= {"cp-1"}
        holds_for(*is_alone, "only of cp-1 something is found")
    finally:
        mend(watched.lab, "cp-1")
    until_healthy(watched)
    assert {one.host for one in found_since(watched, began)} == {"cp-1"}


def test_flapping_below_the_threshold_finds_nothing(watched: Ground) -> None:
    began = datetime.now(UTC)
    for _ in range(5):
        watched.on("cp-2", "docker pause windlass-kube-scheduler; sleep 2; docker unpause windlass-kube-scheduler")
    until_healthy(watched)
    assert found_since(watched, began) == []


def test_a_triggerer_that_is_killed_goes_on_where_it_was(watched: Ground) -> None:
    with broken(watched, "cp-2", "docker kill windlass-kube-scheduler", "docker start windlass-kube-scheduler"):
        found = noticed(watched, "cp-2", "kube-scheduler", "process_down")
        killed = datetime.now(UTC)
        watched.component("triggerer").kill()
        # What ends unseen must be seen to have ended by the watcher that comes after: it knows of it from the store.
        watched.on("cp-3", "docker kill windlass-kube-scheduler")
        try:
            noticed_anew = noticed_by_the_next(watched, killed)
            assert found.id in {one.id for one in noticed_anew}
        finally:
            watched.on("cp-3", "docker start windlass-kube-scheduler")


def noticed_by_the_next(ground: Ground, killed: datetime) -> list[Finding]:
    """Wait until a watcher that began after `killed` has found what broke meanwhile; return all that it finds."""

    def find() -> list[Finding]:
        return [one for one in findings(ground) if one.host == "cp-3" and one.since > killed]

    wait_for(find, "the next watcher finds what broke meanwhile", timedelta(minutes=4))
    return findings(ground)
