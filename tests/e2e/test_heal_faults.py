"""Everything that can break, alone and in twos, and Airflow itself in the middle of a repair: it all ends healthy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from e2e.breaking import Fault, all_faults
from e2e.etcd import check, writer
from e2e.ground import Ground, wait_for
from e2e.healing import only_touching, wait_until_calm, wait_until_well
from windlass.cli.embedded.client import RunState

pytestmark = pytest.mark.full

LASTS_SECONDS = 15
FAULTS = {str(fault): fault for fault in all_faults()}
ALONE = [name for name, fault in FAULTS.items() if fault.host in {"cp-2", "w-1"}]
IN_TWOS = [
    ("kill kube-apiserver on cp-1", "kill kube-apiserver on cp-3"),
    ("kill etcd on cp-1", "kill kube-apiserver on cp-1"),
    ("kill etcd on cp-1", "kill etcd on cp-2"),  # quorum is lost until the first of them is back
    ("lose data of etcd on cp-2", "stop kubelet on cp-2"),
    ("hang docker on cp-1", "kill kube-scheduler on cp-2"),
    ("stop windlass-containerd on w-1", "stop kubelet on w-1"),
    ("cut both on w-1", "kill kube-apiserver on cp-2"),
    ("power off on cp-3", "kill kube-controller-manager on cp-1"),
    ("freeze on cp-1", "stop kubelet on w-1"),
]


@pytest.fixture(scope="module")
def healing(ground: Ground) -> Iterator[Ground]:
    """The cluster, watched and repaired, with more tries than faults."""
    spec = ground.spec(repair={"tries": 50})
    if ground.records.spec() != spec:
        ground.apply(spec).succeeded()
    with ground.watched():
        yield ground


def befall(ground: Ground, *faults: Fault) -> None:
    """Begin faults, and end those that no repair on the host could end."""
    for fault in faults:
        fault.begin(ground)
    lasting = [fault for fault in faults if fault.end]
    time.sleep(LASTS_SECONDS if lasting else 0)
    for fault in lasting:
        if fault.end:
            fault.end(ground)


@pytest.mark.parametrize("name", ALONE)
def test_a_cluster_gets_over_a_fault_and_loses_no_write(healing: Ground, name: str) -> None:
    with writer(healing) as writing:
        befall(healing, FAULTS[name])
        wait_until_well(healing)
        wait_until_calm(healing)
    check(healing, writing)


@pytest.mark.parametrize("names", IN_TWOS, ids=" and ".join)
def test_a_cluster_gets_over_two_faults_at_once(healing: Ground, names: tuple[str, str]) -> None:
    with writer(healing) as writing:
        befall(healing, *(FAULTS[name] for name in names))
        wait_until_well(healing)
        wait_until_calm(healing)
    check(healing, writing)


def begun(ground: Ground, known: set[str]) -> RunState:
    """Return the repair run that is at work now."""

    def find() -> RunState | None:
        return next((run for run in ground.repairs() if run.run_id not in known and not run.has_ended), None)

    found: RunState = wait_for(find, "a repair run", timedelta(seconds=90))
    return found


@pytest.mark.parametrize("part", ["task", "scheduler", "triggerer"])
def test_a_repair_goes_on_after_a_part_of_airflow_was_killed(healing: Ground, part: str) -> None:
    known = {run.run_id for run in healing.repairs()}
    with only_touching(healing, "cp-2/kube-apiserver", "cp-2/kube-controller-manager", "cp-2/kube-scheduler"):
        healing.on("cp-2", "docker kill windlass-kube-apiserver")
        run = begun(healing, known)
        if part == "task":
            healing.task_process("heal_cluster", run.run_id, "heal", timedelta(seconds=60)).kill()
        else:
            healing.component(part).kill()
        wait_until_well(healing, timedelta(minutes=8))
        wait_until_calm(healing)


def test_a_cut_between_two_hosts_touches_nothing(healing: Ground) -> None:
    known = {run.run_id for run in healing.repairs()}
    with only_touching(healing):
        befall(healing, FAULTS["cut out on w-1"])
        wait_until_well(healing)
        wait_until_calm(healing)
    runs = [run for run in healing.repairs() if run.run_id not in known]
    done = [healing.finish(run.dag_id, run.run_id).result("heal").get("done") for run in runs]
    assert [one for one in done if one] == []
