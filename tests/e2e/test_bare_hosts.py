"""A host without Docker Engine, and one with an engine that others use too: both become a cluster's, and go back.

What a host is before and after is compared as a whole: files, packages, units, kernel parameters, rules, containers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from e2e.ground import CLUSTER, Ground, wait_for
from e2e.own_users import users_of_a_pod
from e2e.snapshots import UNCHANGED, difference, snapshot

pytestmark = pytest.mark.full

ROLES = {"bare-1": ("etcd", "control-plane", "worker"), "own-1": ("worker",)}
SETTINGS = '{\n    "log-driver": "local",\n    "labels": ["rack=7"]\n}\n'

_OWN_ENGINE = f"""set -eu
mkdir -p /etc/docker
cat >/etc/docker/daemon.json <<'END'
{SETTINGS}END
chmod 640 /etc/docker/daemon.json
systemctl restart docker
cd /
tar -chf - bin/sleep $(ldd bin/sleep | grep -o '/[^ ]*' | sed 's|^/||') | docker import - theirs:1 >/dev/null
docker volume create theirs >/dev/null
docker network create theirs >/dev/null
docker run -d --name theirs --network theirs -v theirs:/kept --restart always theirs:1 /bin/sleep 1000000 >/dev/null
"""
"""An engine of the host's own, with settings and a container of somebody's."""

_FOREIGN = """docker inspect --format '{{.Id}} {{.State.StartedAt}} {{.State.Status}}' theirs
docker network inspect --format '{{.Id}}' theirs; docker volume ls -q
stat -c '%a %U' /etc/docker/daemon.json
"""


@dataclass(frozen=True)
class Machines:
    """The ground with both hosts, and what they were before."""

    ground: Ground
    before: dict[str, list[str]]
    foreign: str

    def difference(self, host: str) -> dict[str, list[str]]:
        """Return what is there now and was not, and what was and is not."""
        found = difference(self.before[host], snapshot(self.ground, host))
        return {what: [one for one in lines if not self._is_engines(host, one)] for what, lines in found.items()}

    @staticmethod
    def _is_engines(host: str, line: str) -> bool:
        """Tell whether an engine of the host's own keeps that for itself, whoever has it pull and run."""
        return host == "own-1" and re.match(_ENGINES_OWN, line) is not None


_ENGINES_OWN = r"path /var/lib/containerd/|mount /run/docker/netns/|cgroup .*/docker$"


@pytest.fixture(scope="module")
def machines(ground: Ground) -> Iterator[Machines]:
    """Have both hosts beside those of the lab, with nothing of a cluster on them."""
    if ground.records.spec() is not None:
        ground.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    with ground.more_hosts("own-1") as more, more.more_hosts("bare-1", bare=True) as both:
        both.on("own-1", _OWN_ENGINE, timedelta(minutes=2))
        before = {host: snapshot(both, host) for host in ROLES}
        assert not both.on("bare-1", "command -v dockerd docker || true")
        try:
            yield Machines(both, before, both.on("own-1", _FOREIGN))
        finally:
            if both.records.spec() is not None:
                both.run("delete_cluster", confirm_name=CLUSTER)


def test_hosts_with_and_without_an_engine_come_up(machines: Machines) -> None:
    ground = machines.ground
    ground.create(ground.spec(ROLES)).succeeded()

    assert not ground.not_ready(ROLES, via="bare-1")
    assert ground.on("bare-1", "docker version --format '{{.Server.Version}}'").startswith("29.")
    assert "/opt/windlass/" in ground.on("bare-1", "systemctl cat docker; readlink -f $(command -v docker)")


def test_an_engine_of_the_hosts_own_is_used_and_its_containers_run_on(machines: Machines) -> None:
    ground = machines.ground
    assert ground.on("own-1", _FOREIGN) == machines.foreign
    settings = json.loads(ground.on("own-1", "cat /etc/docker/daemon.json"))
    assert {key: settings[key] for key in ("log-driver", "labels")} == json.loads(SETTINGS)
    assert "log-opts" not in settings
    assert "windlass-api-proxy" in ground.on("own-1", "docker ps --format '{{.Names}}'")
    assert ground.on("own-1", "ls /opt/windlass").split().count("docker-engine") == 0
    packages = [line for line in snapshot(ground, "own-1") if line.startswith("package ")]
    assert packages == [line for line in machines.before["own-1"] if line.startswith("package ")]


@pytest.mark.parametrize("node", ROLES)
def test_a_pod_has_users_of_its_own(machines: Machines, node: str) -> None:
    inside, outside = users_of_a_pod(machines.ground, "bare-1", node)
    assert inside == 0
    assert outside >= 65536


def test_a_second_run_has_nothing_to_do(machines: Machines) -> None:
    assert machines.ground.create().succeeded().result("record") == "create_cluster: nothing to change"
    assert machines.ground.apply().succeeded().outcome == "nothing"


def test_an_engine_that_is_killed_is_there_again_with_its_containers(machines: Machines) -> None:
    ground = machines.ground
    ground.on("bare-1", "systemctl kill --signal KILL docker")
    names = "docker ps --format '{{.Names}}' 2>/dev/null || true"
    wait_for(lambda: "windlass-kube-apiserver" in ground.on("bare-1", names), "the API server")
    wait_for(lambda: not ground.not_ready(ROLES, via="bare-1"), "nodes that are Ready")


def test_an_engine_that_somebody_uses_by_now_stays_and_is_named(machines: Machines) -> None:
    ground = machines.ground
    theirs = _OWN_ENGINE[_OWN_ENGINE.index("cd /") :]
    ground.on("bare-1", theirs, timedelta(minutes=2))

    told = ground.run("delete_cluster", confirm_name=CLUSTER).refused("remove")

    assert "Windlass's Docker Engine, which has other containers: theirs" in told
    assert ground.on("bare-1", "docker inspect --format '{{.State.Status}}' theirs").strip() == "running"
    assert ground.records.spec() is not None
    ground.on("bare-1", "docker rm -f theirs")


def test_a_delete_leaves_both_hosts_as_they_were(machines: Machines) -> None:
    ground = machines.ground
    ground.run("delete_cluster", confirm_name=CLUSTER).succeeded()

    assert {host: ground.traces(host) for host in ROLES if host == "bare-1"} == {"bare-1": []}
    assert {host: machines.difference(host) for host in ROLES} == dict.fromkeys(ROLES, UNCHANGED)
    assert ground.on("own-1", _FOREIGN) == machines.foreign
    assert ground.on("own-1", "cat /etc/docker/daemon.json") == SETTINGS


def test_both_hosts_take_a_cluster_again(machines: Machines) -> None:
    ground = machines.ground
    ground.create(ground.spec(ROLES)).succeeded()
    ground.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    assert {host: machines.difference(host) for host in ROLES} == dict.fromkeys(ROLES, UNCHANGED)
