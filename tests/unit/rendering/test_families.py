"""Two addresses, both IP families, and the settings of the network, as files and objects have them."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import yaml

from windlass.domain.etcd.bootstrap import initial_cluster_of
from windlass.domain.health.checks import CheckReader
from windlass.domain.host.host_checks import host_checks
from windlass.domain.pki.kubeconfig import user_contexts
from windlass.domain.pki.subjects import desired_leaves
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.rendering.proxy import no_proxy
from windlass.domain.spec import Cluster

MIRROR = MirrorAddresses("http://192.0.2.1:8080", "192.0.2.1:5000")
VERSIONS = ("v1.36.3", "v1.37.2")
NAMES = ("cp-1", "cp-2", "cp-3", "w-1")
IPV6_RANGES = {"podCidr": "fd00:10:244::/48", "serviceCidr": "fd00:10:96::/112"}
DUAL_RANGES = {
    "podCidrs": ["10.244.0.0/16", "fd00:10:244::/48"],
    "serviceCidrs": ["10.96.0.0/16", "fd00:10:96::/112"],
}


@pytest.fixture(params=VERSIONS)
def ipv6(request: pytest.FixtureRequest, render: Any) -> Any:
    members = {name: {"address": f"2001:db8::{number}"} for number, name in enumerate(NAMES, start=11)}
    return render("overlapping", request.param, members=members, network=IPV6_RANGES)


@pytest.fixture(params=VERSIONS)
def dual(request: pytest.FixtureRequest, render: Any) -> Any:
    members = {name: {"secondaryAddress": f"2001:db8::{number}"} for number, name in enumerate(NAMES, start=11)}
    return render("overlapping", request.param, members=members, network=DUAL_RANGES)


@pytest.fixture
def two(render: Any) -> Any:
    members = {
        name: {"address": f"{name}.example.com", "privateAddress": f"10.0.1.{number}"}
        for number, name in enumerate(NAMES, start=11)
    }
    return render("overlapping", members=members)


def config(rendering: Any, name: str, key: str) -> str:
    return str(rendering.object("ConfigMap", name)["data"][key])


def test_ipv6_addresses_stand_in_brackets_before_ports(ipv6: Any) -> None:
    etcd, api = ipv6.flags("cp-1", "etcd", "etcd"), ipv6.flags("cp-1", "control-plane", "kube-apiserver")
    assert etcd["listen-client-urls"] == "https://127.0.0.1:2379,https://[2001:db8::11]:2379"
    assert etcd["initial-advertise-peer-urls"] == "https://[2001:db8::11]:2380"
    assert api["etcd-servers"].split(",")[1] == "https://[2001:db8::12]:2379"
    assert (api["advertise-address"], api["bind-address"]) == ("2001:db8::11", "::")
    assert api["service-cluster-ip-range"] == "fd00:10:96::/112"
    assert "cp-2=https://[2001:db8::12]:2380" in initial_cluster_of(ipv6.cluster)
    proxy = ipv6.host("w-1")["/etc/windlass/stacks/api-proxy/haproxy.cfg"].text
    assert "    server cp-1 [2001:db8::11]:6443\n" in proxy
    (first, *_) = user_contexts(ipv6.cluster)
    assert first.server == "https://[2001:db8::11]:6443"


def test_nodes_of_an_ipv6_cluster_have_one_address(ipv6: Any) -> None:
    kubelet = ipv6.kubelet("w-1")
    assert (kubelet["address"], kubelet["clusterDNS"]) == ("::", ["fd00:10:96::a"])
    assert "--node-ip=2001:db8::14" in ipv6.host("w-1")["/etc/systemd/system/kubelet.service"].text
    assert ipv6.object("Service", "kube-dns")["spec"]["clusterIP"] == "fd00:10:96::a"
    assert "net.ipv6.conf.all.forwarding = 1" in ipv6.host("w-1")["/etc/sysctl.d/90-windlass.conf"].text


def test_pods_of_an_ipv6_cluster_have_no_ipv4(ipv6: Any) -> None:
    network = json.loads(config(ipv6, "flannel", "net-conf.json"))
    assert network == {
        "EnableIPv4": False,
        "EnableIPv6": True,
        "IPv6Network": "fd00:10:244::/48",
        "Backend": {"Type": "vxlan"},
    }
    proxy = yaml.safe_load(config(ipv6, "kube-proxy", "config.yaml"))
    assert (proxy["bindAddress"], proxy["healthzBindAddress"]) == ("::", "[::]:10256")
    assert proxy["clusterCIDR"] == "fd00:10:244::/48"
    manager = ipv6.flags("cp-1", "control-plane", "kube-controller-manager")
    assert (manager["cluster-cidr"], manager["bind-address"]) == ("fd00:10:244::/48", "2001:db8::11")
    assert "node-cidr-mask-size-ipv6" not in manager


def test_hosts_are_asked_at_ipv6_addresses(ipv6: Any) -> None:
    checks = host_checks(ipv6.cluster, ipv6.release)["cp-1"]
    service = checks.service("etcd")
    assert service is not None
    assert service.probe("2001:db8::11").argv[-1] == "https://[2001:db8::11]:2381/livez"
    api = checks.service("kube-apiserver")
    assert api is not None
    assert "::[2001:db8::11]:" in api.probe("2001:db8::11").argv


def test_certificates_name_addresses_of_both_families(dual: Any) -> None:
    leaves = desired_leaves(dual.cluster)
    assert {"192.0.2.11", "2001:db8::11", "10.96.0.1", "fd00:10:96::1"} <= leaves["cp-1/apiserver"].subject.names
    assert {"192.0.2.14", "2001:db8::14"} <= leaves["w-1/kubelet"].subject.names


def test_a_dual_stack_cluster_has_two_of_everything(dual: Any) -> None:
    api, manager = (dual.flags("cp-1", "control-plane", f"kube-{name}") for name in ("apiserver", "controller-manager"))
    assert api["service-cluster-ip-range"] == "10.96.0.0/16,fd00:10:96::/112"
    assert (api["advertise-address"], api["bind-address"]) == ("192.0.2.11", "0.0.0.0")  # noqa: S104 (as it should be)
    assert manager["cluster-cidr"] == "10.244.0.0/16,fd00:10:244::/48"
    assert manager["service-cluster-ip-range"] == "10.96.0.0/16,fd00:10:96::/112"
    assert "--node-ip=192.0.2.14,2001:db8::14" in dual.host("w-1")["/etc/systemd/system/kubelet.service"].text
    network = json.loads(config(dual, "flannel", "net-conf.json"))
    assert (network["Network"], network["IPv6Network"]) == ("10.244.0.0/16", "fd00:10:244::/48")
    assert network["EnableIPv6"]
    assert "EnableIPv4" not in network
    assert dual.object("Service", "kube-dns")["spec"]["clusterIP"] == "10.96.0.10"


def test_flannel_is_told_both_addresses_of_its_host(dual: Any, ipv6: Any) -> None:
    container = dual.object("DaemonSet", "flannel")["spec"]["template"]["spec"]["containers"][0]
    assert container["command"][:2] == ["sh", "-c"]
    fields = {one["name"]: one["valueFrom"]["fieldRef"]["fieldPath"] for one in container["env"]}
    assert fields["HOST_ADDRESSES"] == "status.hostIPs"
    shell = container["command"][2].replace("/opt/bin/flanneld", "printf '%s\n'")
    environment = {"HOST_ADDRESSES": "192.0.2.11,2001:db8::11"}
    said = subprocess.run(
        ["sh", "-c", shell, "flanneld", "--ip-masq"], env=environment, capture_output=True, check=True
    )
    assert said.stdout.decode().split() == ["--public-ipv6=2001:db8::11", "--ip-masq"]
    assert "command" not in ipv6.object("DaemonSet", "flannel")["spec"]["template"]["spec"]["containers"][0]


def test_services_listen_at_the_private_address_and_people_come_by_the_public_one(two: Any) -> None:
    etcd, api = two.flags("cp-1", "etcd", "etcd"), two.flags("cp-1", "control-plane", "kube-apiserver")
    assert etcd["advertise-client-urls"] == "https://10.0.1.11:2379"
    assert (api["advertise-address"], api["etcd-servers"].split(",")[2]) == ("10.0.1.11", "https://10.0.1.13:2379")
    assert "--node-ip=10.0.1.14" in two.host("w-1")["/etc/systemd/system/kubelet.service"].text
    assert user_contexts(two.cluster)[0].server == "https://cp-1.example.com:6443"
    leaves = desired_leaves(two.cluster)
    assert {"cp-1.example.com", "10.0.1.11"} <= leaves["cp-1/apiserver"].subject.names
    assert leaves["cp-1/etcd-peer"].subject.names == {"cp-1", "10.0.1.11", "127.0.0.1", "localhost"}
    for name in NAMES:
        assert "example.com" not in "".join(file.text for file in two.host(name).values())


def test_hosts_are_watched_at_their_private_addresses(two: Any) -> None:
    plan = CheckReader().plan(two.cluster, two.release)
    assert plan.hosts["cp-2"] == "10.0.1.12"
    assert {check.address for check in plan.checks} == {"127.0.0.1", *(f"10.0.1.{number}" for number in range(11, 15))}


def test_the_domain_is_the_same_everywhere(render: Any) -> None:
    rendering = render(network={"clusterDomain": "prod.example.com"})
    assert rendering.kubelet("w-1")["clusterDomain"] == "prod.example.com"
    assert "kubernetes prod.example.com in-addr.arpa" in config(rendering, "coredns", "Corefile")
    api = rendering.flags("cp-1", "control-plane", "kube-apiserver")
    assert api["service-account-issuer"] == "https://kubernetes.default.svc.prod.example.com"
    assert (
        "kubernetes.default.svc.prod.example.com" in desired_leaves(rendering.cluster)["cp-1/apiserver"].subject.names
    )
    texts = [file.text for name in NAMES for file in rendering.host(name).values()]
    texts += [json.dumps(found.document) for found in rendering.manifests()]
    assert not [text for text in texts if "cluster.local" in text]


def test_nodes_take_as_much_of_the_range_as_the_spec_says(dual: Any, render: Any) -> None:
    manager = render(network={"nodeMask": 26}).flags("cp-1", "control-plane", "kube-controller-manager")
    assert manager["node-cidr-mask-size-ipv4"] == "26"
    ranges = DUAL_RANGES | {"nodeMaskIpv6": 72, "podCidrs": ["10.244.0.0/16", "fd00:10:244::/56"]}
    manager = render(network=ranges).flags("cp-1", "control-plane", "kube-controller-manager")
    assert manager["node-cidr-mask-size-ipv6"] == "72"
    assert "node-cidr-mask-size-ipv4" not in manager


@pytest.mark.parametrize("backend", ["vxlan", "host-gw", "wireguard"])
def test_the_largest_packet_is_told_where_the_backend_reads_it(render: Any, backend: str) -> None:
    rendering = render(network={"mtu": 1400, "backend": backend})
    network = json.loads(config(rendering, "flannel", "net-conf.json"))
    delegate = json.loads(config(rendering, "flannel", "cni-conf.json"))["plugins"][0]["delegate"]
    assert (network["Backend"].get("MTU"), delegate.get("mtu")) == (
        (None, 1400) if backend == "host-gw" else (1400, None)
    )


def test_wireguard_leaves_room_for_ipv6_by_itself(render: Any) -> None:
    rendering = render(network=DUAL_RANGES | {"mtu": 1500, "backend": "wireguard"})
    backend = json.loads(config(rendering, "flannel", "net-conf.json"))["Backend"]
    assert backend == {"Type": "wireguard", "MTU": 1500}


def test_vxlan_over_ipv6_leaves_less_of_a_packet(render: Any) -> None:
    members = {name: {"address": f"2001:db8::{number}"} for number, name in enumerate(NAMES, start=11)}
    rendering = render("overlapping", members=members, network=IPV6_RANGES | {"mtu": 1500})
    assert json.loads(config(rendering, "flannel", "net-conf.json"))["Backend"]["MTU"] == 1480


def test_what_is_inside_is_never_asked_for_through_a_proxy(two: Any, dual: Any, ipv6: Any) -> None:
    assert {"cp-1.example.com", "10.0.1.11", "cp-1"} <= set(no_proxy(two.cluster, MIRROR))
    assert {*DUAL_RANGES["podCidrs"], *DUAL_RANGES["serviceCidrs"], "2001:db8::11"} <= set(
        no_proxy(dual.cluster, MIRROR)
    )
    document = ipv6.cluster.model_dump(mode="json", by_alias=True)
    document["spec"]["api"]["endpoint"] = "[2001:db8::10]:6443"
    document["spec"]["network"]["clusterDomain"] = "prod.example.com"
    assert {"2001:db8::10", ".prod.example.com"} <= set(no_proxy(Cluster.model_validate(document), MIRROR))
