"""Everything that can break, several things at once, and Airflow itself during a remediation: it ends healthy.

One cluster for all of it. What is not here one by one comes at random in `test_soak`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from e2e.breaking import Fault, all_faults
from e2e.etcd import check, writer
from e2e.ground import HOSTS, Ground, wait_for
from e2e.remediation import acts_since, is_told, only_touching, wait_until_calm, wait_until_well, wrong_acts
from windlass.cli.embedded.client import DagRunState
from windlass_lab.faults import cut, mend

pytestmark = pytest.mark.full

LASTS_SECONDS = 15
FAULTS = {str(fault): fault for fault in all_faults()}
ROUNDS = (
    # Every process ended, stopped in order, and stopped by a signal: one thing on each host.
    ("kill etcd on cp-1", "kill kube-apiserver on cp-2", "kill kube-controller-manager on cp-3", "kill kubelet on w-1"),
    (
        "kill kube-scheduler on cp-1",
        "kill docker on cp-2",
        "kill windlass-containerd on cp-3",
        "remove api-proxy on w-1",
    ),
    ("stop kube-apiserver on cp-1", "stop etcd on cp-2", "stop kube-scheduler on cp-3", "stop docker on w-1"),
    ("stop kubelet on cp-1", "stop windlass-containerd on cp-2", "stop kube-controller-manager on cp-3"),
    ("hang kube-scheduler on cp-1", "hang kube-apiserver on cp-2", "hang etcd on cp-3", "hang kubelet on w-1"),
    ("hang docker on cp-1", "pause kube-controller-manager on cp-2", "hang windlass-containerd on w-1"),
    # What is on the disk.
    ("lose data of etcd on cp-2", "spoil files of kube-apiserver on cp-3"),
    ("corrupt data of etcd on cp-3", "kill api-proxy on w-1"),
    # A whole host, and something else that breaks meanwhile.
    ("cut both on cp-2", "kill kubelet on w-1"),
    ("cut in on cp-3", "kill kube-apiserver on cp-1"),
    ("cut out on w-1", "kill kube-scheduler on cp-3"),
    ("slow down on cp-1", "kill etcd on cp-2"),
    ("freeze on cp-1", "stop kubelet on w-1"),
    ("power off on cp-3", "kill kube-controller-manager on cp-1"),
    # No quorum until the first of them is back.
    ("kill etcd on cp-1", "kill etcd on cp-2"),
)


@pytest.fixture(scope="module")
def healing(ground: Ground) -> Iterator[Ground]:
    """The cluster, watched and repaired, with more tries than faults."""
    spec = ground.spec(repair={"tries": 50})
    if ground.records.spec() != spec:
        ground.apply(spec).succeeded()
    with ground.watched():
        yield ground


@pytest.fixture(autouse=True)
def well(healing: Ground) -> None:
    """Begin each test with a cluster that is healthy, whatever became of the test before."""
    wait_until_well(healing)
    wait_until_calm(healing)


def befall(ground: Ground, *faults: Fault) -> None:
    """Begin faults, and end those that no repair on the host could end."""
    for fault in faults:
        fault.begin(ground)
    lasting = [fault for fault in faults if fault.end]
    time.sleep(LASTS_SECONDS if lasting else 0)
    for fault in lasting:
        if fault.end:
            fault.end(ground)


@pytest.mark.parametrize("names", ROUNDS, ids=" and ".join)
def test_a_cluster_gets_over_it_and_loses_no_write(healing: Ground, names: tuple[str, ...]) -> None:
    faults, began = [FAULTS[name] for name in names], datetime.now(UTC)
    with writer(healing, pause_seconds=0.1) as writing:
        befall(healing, *faults)
        wait_until_well(healing)
    check(healing, writing)
    wait_until_calm(healing)
    if len([fault for fault in faults if "etcd" in fault.what]) < 2:
        assert wrong_acts(healing, began, faults) == set()


def begun(ground: Ground, known: set[str]) -> DagRunState:
    """Return the remediation run that is at work now."""

    def find() -> DagRunState | None:
        return next((run for run in ground.repairs() if run.run_id not in known and not run.has_ended), None)

    found: DagRunState = wait_for(find, "a remediation run", timedelta(seconds=90))
    return found


@pytest.mark.parametrize("parts", [("task",), ("scheduler", "triggerer")], ids=" and ".join)
def test_a_repair_goes_on_after_parts_of_airflow_were_killed(healing: Ground, parts: tuple[str, ...]) -> None:
    known = {run.run_id for run in healing.repairs()}
    with only_touching(healing, "cp-2/kube-apiserver", "cp-2/kube-controller-manager", "cp-2/kube-scheduler"):
        healing.on("cp-2", "docker kill windlass-kube-apiserver")
        run = begun(healing, known)
        for part in parts:
            if part == "task":
                healing.task_process("heal_cluster", run.run_id, "heal", timedelta(seconds=60)).kill()
            else:
                healing.component(part).kill()
        wait_until_well(healing, timedelta(minutes=8))
        wait_until_calm(healing)
    assert healing.finish("heal_cluster", run.run_id).state == "success"


def test_what_only_a_cut_between_hosts_hides_is_not_acted_on(healing: Ground) -> None:
    began = datetime.now(UTC)
    cut(healing.lab, "cp-1", "both", [host for host in HOSTS if host != "cp-1"])
    try:
        told = "network cut: kubelet on cp-1"
        wait_for(lambda: is_told(healing, began, told), told)
    finally:
        mend(healing.lab, "cp-1")
    wait_until_well(healing)
    wait_until_calm(healing)
    assert acts_since(healing, began) == set()


def test_a_full_disk_is_told_and_what_fails_on_it_is_repaired_once_there_is_room(healing: Ground) -> None:
    began = datetime.now(UTC)
    # What runs keeps the files that it has open; whoever looks at the path finds no room.
    full = "mount -t tmpfs -o size=1m tmpfs /var/lib/windlass; dd if=/dev/zero of=/var/lib/windlass/full 2>/dev/null"
    healing.on("w-1", f"{full}; docker kill windlass-api-proxy")
    try:
        told = "w-1 has no room left below /var/lib/windlass"
        wait_for(lambda: is_told(healing, began, told), told)
        assert acts_since(healing, began) == set()
    finally:
        healing.on("w-1", "umount -l /var/lib/windlass")
    wait_until_well(healing)
    wait_until_calm(healing)
    assert acts_since(healing, began) == {"w-1/api-proxy"}
