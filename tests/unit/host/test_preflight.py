"""Preflight tells every problem of every host at once, and nothing about a host that is fine."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from windlass.domain.host.facts import HostFacts, parse_facts
from windlass.domain.host.left_there import engine_settings, leftovers, login, room
from windlass.domain.host.preflight import PreflightAnswer, check_hosts, refuse
from windlass.domain.host.reach import needed_ports
from windlass.domain.spec.models import Cluster
from windlass.errors import NotReadyError, RefusedError

GOOD = """os_id=debian
os_version=12
kernel=6.1.0-18-amd64
arch=x86_64
hostname=cp-1
epoch=1795424382.58
machine_id={machine_id}
init=systemd
cpus=2
memory_kib=4000000
cgroup=2
swap_known=yes
cap_bounding=000001ffffffffff
address=192.0.2.11
disk=/var/lib 50000000
nameserver=192.0.2.1
listening_hex=0016
docker=20.10.24
tool=iptables
tool=curl
tool=mount
unit=kubelet inactive
unit=docker active
complete=yes
"""


def cluster() -> Cluster:
    document = yaml.safe_load("""
    apiVersion: windlass/v1
    kind: Cluster
    metadata: {name: demo}
    spec:
      kubernetes: {version: v1.37.2}
      hosts:
        members:
          - {name: cp-1, address: 192.0.2.11, roles: [etcd, control-plane]}
          - {name: w-1, address: 192.0.2.12, roles: [worker]}
    """)
    return Cluster.model_validate(document)


def facts(machine_id: str, **changes: object) -> HostFacts:
    return replace(parse_facts(GOOD.format(machine_id=machine_id)), **{"addresses": (), **changes})


def findings_with(**changes: object) -> list[str]:
    answers = {
        "cp-1": PreflightAnswer(facts("a" * 32, **changes)),
        "w-1": PreflightAnswer(facts("b" * 32)),
    }
    return [str(finding) for finding in check_hosts(cluster(), answers, brings_engine=True)]


def test_good_hosts_have_no_findings() -> None:
    assert findings_with() == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"init": "sh"}, "process 1 is `sh`"),
        ({"kernel": "4.19.0"}, "kernel 4.19.0"),
        ({"kernel": "unknown"}, "kernel unknown"),
        ({"cgroup_version": 0}, "no cgroups"),
        ({"swaps": ("/swapfile",)}, "swap is on (/swapfile)"),
        ({"docker_version": "stopped"}, "does not answer"),
        ({"docker_version": "19.03.15"}, "Docker Engine 19.03.15, and 20.10 to 29 are used"),
        ({"docker_version": "30.0.1"}, "Docker Engine 30.0.1, and 20.10 to 29 are used"),
        ({"denies_signals": True}, "profile for runc keeps Docker Engine 20.10.24 from stopping its containers"),
        ({"is_selinux_enforcing": True}, "SELinux is enforcing"),
        ({"docker_version": "stopped", "lacks_docker_client": True}, "install the package docker-cli"),
        ({"lacks_apparmor_parser": True}, "install the package apparmor"),
        ({"tools": frozenset({"curl", "mount"})}, "`iptables` is missing"),
        ({"nameservers": ("127.0.0.11",)}, "only a loopback server"),
        ({"memory_kib": 500_000}, "MiB of memory"),
        ({"disk_free_kib": {"/var/lib": 1000}}, "0 MiB free"),
        ({"listening": frozenset({6443})}, "port 6443, meant for the API server, is taken"),
        ({"listening": frozenset({2379})}, "port 2379"),
        ({"cluster": "other"}, "belongs to the cluster `other`"),
    ],
)
def test_tells_what_is_wrong_with_a_host(changes: dict[str, object], told: str) -> None:
    findings = findings_with(**changes)
    assert len(findings) == 1
    assert findings[0].startswith("cp-1: ")
    assert told in findings[0]


@pytest.mark.parametrize(("system", "finds"), [("debian", False), ("ubuntu", False), ("rocky", True)])
def test_without_a_mirrors_engine_debian_and_ubuntu_bring_their_own(system: str, *, finds: bool) -> None:
    asked = {
        "cp-1": PreflightAnswer(facts("a" * 32, docker_version=None, os_id=system, os_version="13")),
        "w-1": PreflightAnswer(facts("b" * 32)),
    }
    assert bool(check_hosts(cluster(), asked, brings_engine=False)) is finds


@pytest.mark.parametrize(("system", "version"), [("debian", "12"), ("debian", "13"), ("rocky", "10.1"), (None, None)])
def test_a_host_of_any_system_gets_its_engine_from_the_mirror(system: str | None, version: str | None) -> None:
    assert findings_with(docker_version=None, os_id=system, os_version=version, lacks_apparmor_parser=True) == []


@pytest.mark.parametrize("version", ["20.10.24", "27.5.1", "29.8.1"])
def test_an_engine_that_is_there_is_used_within_its_range(version: str) -> None:
    assert findings_with(docker_version=version) == []


@pytest.mark.parametrize(("version", "is_found"), [("28.5.2", True), ("29.0.0", False)])
def test_an_engine_since_29_needs_no_parser_of_apparmor(version: str, *, is_found: bool) -> None:
    assert bool(findings_with(docker_version=version, lacks_apparmor_parser=True)) is is_found


def test_a_worker_may_have_the_control_planes_ports_taken() -> None:
    answers = {
        "cp-1": PreflightAnswer(facts("a" * 32)),
        "w-1": PreflightAnswer(facts("b" * 32, listening=frozenset({6443, 2379}))),
    }
    assert check_hosts(cluster(), answers, brings_engine=True) == []


def test_ports_of_our_own_cluster_are_not_taken() -> None:
    assert findings_with(listening=frozenset({6443, 2379, 7443}), cluster="demo") == []


def test_missing_docker_is_fine_where_it_can_be_installed() -> None:
    assert findings_with(docker_version=None) == []


def test_tells_all_hosts_at_once() -> None:
    answers = {
        "cp-1": PreflightAnswer(facts("a" * 32, skew_seconds=-42), cannot_reach=("w-1",)),
        "w-1": PreflightAnswer(None, unreachable="connection refused"),
    }
    with pytest.raises(RefusedError) as refused:
        refuse(check_hosts(cluster(), answers, brings_engine=True))
    message = str(refused.value)
    assert "3 problem(s) on 2 host(s); nothing was changed" in message
    assert "cp-1: its clock is 42 s behind" in message
    assert "cp-1: it cannot reach w-1" in message
    assert "w-1: no answer: connection refused" in message


def test_hosts_cloned_with_their_machine_id_are_told() -> None:
    answers = {"cp-1": PreflightAnswer(facts("a" * 32)), "w-1": PreflightAnswer(facts("a" * 32))}
    assert [str(finding) for finding in check_hosts(cluster(), answers, brings_engine=True)] == [
        (
            "w-1: it has the same /etc/machine-id as cp-1; run `rm /etc/machine-id && systemd-machine-id-setup` "
            "on one of them and reboot it"
        )
    ]


def test_a_slow_disk_is_told() -> None:
    answers = {
        "cp-1": PreflightAnswer(facts("a" * 32), fsync_milliseconds=250),
        "w-1": PreflightAnswer(facts("b" * 32)),
    }
    assert "a write to disk takes 250 ms" in str(check_hosts(cluster(), answers, brings_engine=True)[0])


def test_an_answer_cut_short_is_not_taken_for_facts() -> None:
    with pytest.raises(NotReadyError, match="cut short"):
        parse_facts(GOOD.replace("complete=yes\n", ""))


def test_what_a_host_did_not_say_is_unknown() -> None:
    sparse = parse_facts("kernel=6.1\ncomplete=yes\n")
    assert sparse.docker_version is None
    assert sparse.cluster is None
    assert sparse.resolv_conf == "/etc/resolv.conf"


def told_with(taken: dict[str, str], **addresses: tuple[str, ...]) -> list[str]:
    answers = {
        name: PreflightAnswer(facts(name * 8, addresses=addresses.get(name.replace("-", "_"), ())))
        for name in ("cp-1", "w-1")
    }
    return [str(finding) for finding in check_hosts(cluster(), answers, taken, brings_engine=True)]


def test_one_machine_is_not_two_hosts_by_two_of_its_addresses() -> None:
    (told,) = told_with({}, w_1=("127.0.0.1", "192.0.2.12", "192.0.2.11"))
    assert told.startswith("w-1: it has the address 192.0.2.11, which is that of host cp-1")


def test_a_machine_is_another_clusters_by_any_of_its_addresses() -> None:
    taken = {"198.51.100.7": "host w-9 of the cluster `prod`"}
    assert told_with(taken, cp_1=("192.0.2.11", "198.51.100.8")) == []
    (told,) = told_with(taken, cp_1=("192.0.2.11", "198.51.100.7"))
    assert told.startswith("cp-1: it has the address 198.51.100.7, which is that of host w-9 of the cluster `prod`")


def test_an_address_on_no_interface_is_told_with_those_that_are_there() -> None:
    (told,) = findings_with(addresses=("127.0.0.1", "10.0.1.11", "fe80::1", "fd00::11"))
    assert told.startswith("cp-1: 192.0.2.11 is on none of its interfaces")
    assert "it has 10.0.1.11, fd00::11; give the one" in told
    assert "as `privateAddress` of cp-1; `address` may stay" in told


def test_two_addresses_are_one_to_reach_and_one_to_bind() -> None:
    document = cluster().model_dump(mode="json", by_alias=True)
    document["spec"]["hosts"]["members"][0] |= {"address": "203.0.113.11", "privateAddress": "10.0.1.11"}
    two = Cluster.model_validate(document)
    answers = {
        "cp-1": PreflightAnswer(facts("a" * 32, addresses=("10.0.1.11",))),
        "w-1": PreflightAnswer(facts("b" * 32, addresses=("192.0.2.12",))),
    }
    assert check_hosts(two, answers, brings_engine=True) == []


def test_hosts_need_no_ssh_of_each_other() -> None:
    first, worker = cluster().spec.hosts.members
    assert needed_ports(first, worker) == {10250: "kubelet"}
    assert needed_ports(worker, first) == {6443: "API server"}
    assert set(needed_ports(first, first)) == {2379, 2380, 2381, 6443, 10250}


LEFT = [
    ("leftover=/etc/systemd/system/kubelet.service.d/10-kubeadm.conf", "10-kubeadm.conf is left", "package kubelet"),
    ("leftover=/etc/systemd/system/k3s.service", "is another Kubernetes's", "uninstall it"),
    ("leftover=/etc/cni/net.d/10-calico.conflist", "of another network driver", "remove it"),
    ("inodes=/opt 900", "900 inodes free for /opt", "50000 are needed"),
    ("room=/var/log 1024", "1 MiB free for /var/log", "make room for at least"),
    ("room=/var/lib/docker 1024", "1 MiB free for /var/lib/docker", "make room for at least"),
    ("docker_flag=--log-driver", "Docker is started with --log-driver", "write it into /etc/docker/daemon.json"),
    ("swarm=yes", "Docker is in a swarm", "docker swarm leave"),
    ("forwards=no", "its SSH server forwards no connection", "AllowTcpForwarding yes"),
]


@pytest.mark.parametrize(("line", "problem", "remedy"), LEFT)
def test_what_others_left_on_a_host_is_found_before_anything_is_changed(line: str, problem: str, remedy: str) -> None:
    facts = parse_facts(GOOD.format(machine_id="a").replace("complete=yes", f"{line}\ncomplete=yes"))
    told = [*leftovers(facts), *room(facts), *engine_settings(facts), *login(facts)]
    ((found, right),) = told
    assert problem in found
    assert remedy in right


@pytest.mark.parametrize(
    "line",
    [
        "leftover=/etc/cni/net.d/87-podman-bridge.conflist",
        "inodes=/opt 900000",
        "room=/var/log 90000000",
        "docker_flag=--host",
        "forwards=yes",
        "forwards=",
    ],
)
def test_what_gets_along_with_a_cluster_is_no_finding(line: str) -> None:
    facts = parse_facts(GOOD.format(machine_id="a").replace("complete=yes", f"{line}\ncomplete=yes"))
    assert [*leftovers(facts), *room(facts), *engine_settings(facts), *login(facts)] == []


def test_an_engine_that_was_upgraded_beyond_the_range_since_stops_no_change_of_its_cluster() -> None:
    assert findings_with(docker_version="30.0.1", cluster="demo") == []
