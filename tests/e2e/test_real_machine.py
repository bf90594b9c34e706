"""A virtual machine with Debian 13: another kernel and distribution, cgroup v2 alone, a boot from its disk.

It has a processor that is emulated where there is no KVM, so all of it takes its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from e2e.ground import CLUSTER, Ground, wait_for
from e2e.own_users import users_of_a_pod
from e2e.snapshots import UNCHANGED, difference, snapshot
from windlass.errors import WindlassError

pytestmark = [pytest.mark.full, pytest.mark.timeout(5400)]

NODE = "vm-1"
ROLES = {NODE: ("etcd", "control-plane", "worker")}
SLOW = timedelta(minutes=45)
"""For runs, and for what the machine does by itself."""
ONE_SCRIPT = timedelta(minutes=10)
# Beside others an emulated disk and processor hold etcd up for longer than its usual 100 ms.
ETCD = {"heartbeatMilliseconds": 500, "electionMilliseconds": 5000}


@dataclass(frozen=True)
class RealMachine:
    """The ground with the machine, and what that was before."""

    ground: Ground
    before: list[str]


@pytest.fixture(scope="module")
def machine(ground: Ground) -> Iterator[RealMachine]:
    """Have a virtual machine beside the hosts of the lab, with nothing of a cluster on it."""
    if ground.records.spec() is not None:
        ground.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    with ground.more_hosts(NODE, vms=True) as more:
        assert not more.on(NODE, "command -v dockerd docker containerd || true")
        made = RealMachine(more, snapshot(more, NODE, ONE_SCRIPT))
        try:
            yield made
        finally:
            if more.records.spec() is not None:
                more.finish("delete_cluster", more.start("delete_cluster", confirm_name=CLUSTER), SLOW)


def test_a_bare_login_becomes_a_cluster(machine: RealMachine) -> None:
    ground = machine.ground
    spec = ground.spec(ROLES, etcd=ETCD)
    ground.finish("create_cluster", ground.start("create_cluster", spec=spec), SLOW).succeeded()

    assert not ground.not_ready(ROLES, via=NODE)
    assert "/opt/windlass/" in ground.on(NODE, "readlink -f $(command -v docker)")
    assert "cgroup2fs" in ground.on(NODE, "stat -f -c %T /sys/fs/cgroup")


def test_a_pod_has_users_of_its_own(machine: RealMachine) -> None:
    inside, outside = users_of_a_pod(machine.ground, NODE, NODE, ONE_SCRIPT)
    assert inside == 0
    assert outside >= 65536


def test_a_reboot_brings_all_of_it_back_by_itself(machine: RealMachine) -> None:
    ground = machine.ground
    boot = "cat /proc/sys/kernel/random/boot_id"
    before = ground.on(NODE, boot)

    ground.on(NODE, "systemd-run --on-active=2 systemctl reboot")

    def is_ready_again() -> bool:
        try:
            # The node's condition is as old as the reboot until its kubelet speaks again.
            return ground.on(NODE, boot) != before and _kubelet_is_ready(ground) and not ground.not_ready(ROLES, NODE)
        except (WindlassError, OSError):
            return False

    wait_for(is_ready_again, "a node that is Ready after the reboot", SLOW)
    again = ground.finish("create_cluster", ground.start("create_cluster"), SLOW)
    assert again.succeeded().result("record") == "create_cluster: nothing to change"


def _kubelet_is_ready(ground: Ground) -> bool:
    heartbeat = ("get", "lease", "--namespace", "kube-node-lease", NODE, "-o", "jsonpath={.spec.renewTime}")
    booted = ground.on(NODE, "date -u -d @$(awk '/btime/ {print $2}' /proc/stat) +%Y-%m-%dT%H:%M:%S")
    return ground.kubectl(NODE, *heartbeat) > booted.strip()


def test_a_delete_leaves_the_machine_as_it_was(machine: RealMachine) -> None:
    ground = machine.ground
    ground.finish("delete_cluster", ground.start("delete_cluster", confirm_name=CLUSTER), SLOW).succeeded()

    assert ground.traces(NODE) == []
    assert difference(machine.before, snapshot(ground, NODE, ONE_SCRIPT)) == UNCHANGED
