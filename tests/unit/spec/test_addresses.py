"""Two addresses of a host, SSH by host, and both IP families: what a spec may say of them, and what it may not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from windlass.domain.addresses import host_port, split_port
from windlass.domain.spec import Cluster
from windlass.domain.spec.checks import problems
from windlass.domain.spec.checks.hosts import reached_through
from windlass.domain.spec.known import Known
from windlass.domain.spec.others import read_other
from windlass.effects.catalog import load_drivers

Make = Callable[[dict[str, Any]], Cluster]
FIRST = "spec.hosts.members.0"
IPV6 = {
    **{f"spec.hosts.members.{index}.address": f"2001:db8::1{index}" for index in range(4)},
    "spec.network.podCidr": "fd00:10:244::/48",
    "spec.network.serviceCidr": "fd00:10:96::/112",
}
DUAL = {
    **{f"spec.hosts.members.{index}.secondaryAddress": f"2001:db8::1{index}" for index in range(4)},
    "spec.network.podCidrs": ["10.244.0.0/16", "fd00:10:244::/48"],
    "spec.network.serviceCidrs": ["10.96.0.0/16", "fd00:10:96::/112"],
}
TWO = {f"{FIRST}.address": "cp-1.example.com", f"{FIRST}.privateAddress": "192.0.2.11"}


@pytest.mark.parametrize(
    "changes",
    [
        IPV6,
        DUAL,
        TWO,
        TWO | {f"{FIRST}.ssh": {"bastion": {"address": "2001:db8::9"}, "port": 2222, "user": "ops"}},
        DUAL | {f"{FIRST}.address": "203.0.113.11", f"{FIRST}.privateAddress": "10.0.1.11"},
        {"spec.hosts.members.0.roles": ["control-plane"], "spec.network.driver": "none"},
        {"spec.api": {"endpoint": "[2001:db8::10]:6443", "extraNames": ["2001:db8::10", "api.example.com"]}},
        {"spec.dns.upstreams": ["2001:db8::53", "[2001:db8::54]:5353", "192.0.2.53"]},
        {"spec.loadBalancer": {"driver": "metallb", "addresses": ["2001:db8::200-2001:db8::2ff", "192.0.2.200/30"]}},
        {"spec.network.nodeMask": 26, "spec.network.podCidr": "10.244.0.0/24"},
        {"spec.network.clusterDomain": "prod.example.com", "spec.network.mtu": 1400},
        {"spec.network.podCidrs": ["10.50.0.0/16"]},
    ],
)
def test_what_people_have_is_accepted(changed: Make, changes: dict[str, Any]) -> None:
    found = [str(problem) for problem in problems(changed({"spec.etcd.allowEven": True} | changes))]
    assert found == []


@pytest.mark.parametrize(
    ("changes", "path", "told"),
    [
        ({f"{FIRST}.privateAddress": "cp-1"}, "spec.hosts.members[0].privateAddress", "no IP address"),
        ({f"{FIRST}.privateAddress": "192.0.2.12"}, "spec.hosts.members[1].address", "has the address 192.0.2.12 too"),
        (IPV6 | {f"{FIRST}.address": "2001:DB8::10"}, "spec.hosts.members[0].address", "write `2001:db8::10`"),
        (IPV6 | {f"{FIRST}.address": "fe80::1"}, "spec.hosts.members[0].address", "link-local"),
        (IPV6 | {f"{FIRST}.address": "fe80::1%eth0"}, "spec.hosts.members[0].address", "has a zone"),
        (IPV6 | {f"{FIRST}.address": "192.0.2.11"}, "spec.hosts.members[0].address", "no IPv6 address, as the first"),
        (DUAL | {f"{FIRST}.secondaryAddress": None}, "spec.hosts.members[0].secondaryAddress", "no IPv6 address, and"),
        (DUAL | {f"{FIRST}.secondaryAddress": "192.0.2.99"}, "spec.hosts.members[0].secondaryAddress", "no IPv6"),
        ({f"{FIRST}.secondaryAddress": "2001:db8::1"}, "spec.hosts.members[0].secondaryAddress", "IPv4 alone"),
        (
            DUAL | {"spec.network.podCidrs": ["10.244.0.0/16", "10.99.0.0/16"]},
            "spec.network.podCidrs",
            "one of each IP family",
        ),
        (DUAL | {"spec.network.serviceCidrs": ["10.96.0.0/16"]}, "spec.network.serviceCidrs", "and services IPv4"),
        (DUAL | {"spec.network.podCidr": "10.98.0.0/16"}, "spec.network.podCidr", "name different ranges"),
        (IPV6 | {"spec.network.podCidr": "fd00:10:240::/44"}, "spec.network.podCidr", "use a /48 or smaller"),
        (IPV6 | {"spec.network.podCidr": "fd00:10:244::/63"}, "spec.network.podCidr", "there is room for 2"),
        (IPV6 | {"spec.network.serviceCidr": "fd00:10:96::/64"}, "spec.network.serviceCidr", "at most a /108"),
        (IPV6 | {"spec.network.mtu": 1300}, "spec.network.mtu", "1280 bytes"),
        (IPV6 | {"spec.network.podCidr": "2001:db8::/48"}, "spec.network.podCidr", "holds the addresses of cp-1"),
        ({"spec.network.clusterDomain": "a_b"}, "spec.network.clusterDomain", "no valid name"),
        ({"spec.api.endpoint": "2001:db8::10"}, "spec.api.endpoint", "without brackets"),
        ({"spec.api.endpoint": "[2001:DB8::10]:6443"}, "spec.api.endpoint", "write `2001:db8::10`"),
        ({"spec.api.extraNames": ["[::1]"]}, "spec.api.extraNames[0]", "neither a DNS name nor an IP address"),
        (
            {f"{FIRST}.ssh": {"direct": True, "bastion": {"address": "b"}}},
            "spec.hosts.members[0].ssh.direct",
            "leave one of the two out",
        ),
        ({f"{FIRST}.ssh": {"knownHosts": ["x"]}}, "spec.hosts.members[0].ssh.knownHosts[0]", "fewer than three"),
    ],
)
def test_what_cannot_work_is_told(changed: Make, changes: dict[str, Any], path: str, told: str) -> None:
    (found,) = [str(problem) for problem in problems(changed(changes))]
    assert found.startswith(f"{path}: ")
    assert told in found


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"spec.network.clusterDomain": "x.y", f"{FIRST}.name": "a.x.y"}, "a name of a Service"),
        (
            {"spec.network.nodeMask": 26, "spec.components": {"kubelet": {"extraArgs": {"max-pods": "110"}}}},
            "a /26 of the pods' range, which has 61 addresses, not 110",
        ),
        (
            DUAL | {"spec.components": {"kube-controller-manager": {"extraArgs": {"node-cidr-mask-size": "24"}}}},
            "how long the nodes' ranges are",
        ),
    ],
)
def test_what_a_new_spec_may_not_say_beside(changed: Make, changes: dict[str, Any], told: str) -> None:
    (found,) = problems(changed(changes), Known(("v1.37.2",)))
    assert told in found.wrong


def test_a_driver_says_which_order_of_families_it_takes(changed: Make) -> None:
    turned = {
        **IPV6,
        **{f"spec.hosts.members.{index}.secondaryAddress": f"192.0.2.1{index}" for index in range(4)},
        "spec.network.podCidrs": ["fd00:10:244::/48", "10.244.0.0/16"],
        "spec.network.serviceCidrs": ["fd00:10:96::/112", "10.96.0.0/16"],
    }
    del turned["spec.network.podCidr"], turned["spec.network.serviceCidr"]
    drivers = load_drivers(Path(__file__).parents[3] / "include" / "templates" / "kubernetes")
    (found,) = problems(changed(turned), Known(drivers=drivers))
    assert "`flannel` takes no IPv6 before IPv4" in found.wrong
    assert problems(changed(turned | {"spec.network.driver": "none"})) == []


def test_a_host_behind_another_bastion_is_another_machine(changed: Make) -> None:
    own = {f"{FIRST}.ssh": {"bastion": {"address": "b.example.com"}}}
    ours, other = changed({"metadata.name": "demo"} | own), changed({"metadata.name": "prod", f"{FIRST}.ssh": {}})
    assert reached_through(ours, ours.spec.hosts.members[0]) == "b.example.com"
    taken = {problem.path[3] for problem in problems(ours, other_clusters=[other])}
    assert taken == {1, 2, 3}


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("[fd00::1]:6443", "fd00::1", "6443"),
        ("fd00::1", "fd00::1", ""),
        ("a.example:1", "a.example", "1"),
        ("a", "a", ""),
    ],
)
def test_a_port_stands_behind_brackets(text: str, host: str, port: str) -> None:
    assert split_port(text) == (host, port)
    assert not port or host_port(host, int(port)) == text


def test_ipv6_addresses_in_a_spec_that_nobody_can_read_are_taken() -> None:
    other = read_other(
        "prod", b"spec: [hosts: {address: 2001:db8::11}, {address: 192.0.2.1, cidr: fd00::/48, at: 12:30:01}"
    )
    assert other.addresses == {"2001:db8::11", "192.0.2.1"}


@pytest.mark.parametrize(
    ("changes", "path", "told"),
    [
        ({"spec.kubelet": {"maxPods": 62}, "spec.network.nodeMask": 26}, "spec.kubelet.maxPods", "a /26 of the pods"),
        (IPV6 | {"spec.sysctls": {"net.ipv6.conf.all.forwarding": 0}}, "spec.sysctls", "unless it is 1"),
        ({"spec.sysctls": {"net.ipv6.conf.all.forwarding": 0}}, "", ""),
    ],
)
def test_settings_of_machines_fit_the_network(changed: Make, changes: dict[str, Any], path: str, told: str) -> None:
    found = [
        str(problem) for problem in problems(changed({"spec.etcd.allowEven": True} | changes), Known(("v1.37.2",)))
    ]
    assert len(found) == bool(told)
    assert all(one.startswith(path) and told in one for one in found)
