"""Clusters of both IP families, and of IPv6 alone, on hosts that have IPv6 besides; Docker's network carries it.

The lab gives its hosts no IPv6, so each gets an address by hand: frames of the bridge are IPv6's as well as IPv4's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from e2e.ground import CLUSTER, Ground, wait_for

pytestmark = pytest.mark.full

ROLES = {"cp-1": ("etcd", "control-plane"), "w-1": ("worker",)}
ADDRESSES = {name: f"fd00:87::{number}" for number, name in enumerate(ROLES, start=11)}
DUAL = {
    "podCidrs": ["10.244.0.0/16", "fd00:10:244::/48"],
    "serviceCidrs": ["10.96.0.0/16", "fd00:10:96::/112"],
}
IPV6 = {"podCidr": "fd00:10:244::/48", "serviceCidr": "fd00:10:96::/112"}
WEB = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  ipFamilyPolicy: PreferDualStack
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"""


def members(kind: str, spec: str) -> str:
    """Return the spec with the hosts' IPv6 addresses: as their second ones, or as those of their services."""
    document = yaml.safe_load(spec)
    for member in document["spec"]["hosts"]["members"]:
        key = "secondaryAddress" if kind == "dual" else "privateAddress"
        member[key] = ADDRESSES[member["name"]]
    return yaml.safe_dump(document)


@pytest.fixture(params=["dual", "ipv6"], scope="module")
def family(request: pytest.FixtureRequest, ground: Ground) -> Iterator[str]:
    """Create a cluster of a kind, which `create_cluster` verifies by pods that reach a Service of each other."""
    if ground.records.spec() is not None:
        ground.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    for name, address in ADDRESSES.items():
        ground.on(name, f"sysctl -qw net.ipv6.conf.all.disable_ipv6=0; ip -6 addr replace {address}/64 dev eth0 nodad")
    kind: str = request.param
    sections: dict[str, Any] = {"network": DUAL if kind == "dual" else IPV6}
    ground.create(members(kind, ground.spec(ROLES, **sections))).succeeded()
    yield kind
    ground.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    for name, address in ADDRESSES.items():
        left = ground.on(name, "ip -6 route; ip -o link; nft list tables 2>/dev/null || true")
        assert not [word for word in ("flannel", "cni0", "kube-proxy") if word in left], left
        ground.on(name, f"ip -6 addr del {address}/64 dev eth0")


def test_nodes_pods_and_services_have_addresses_of_each_family(ground: Ground, family: str) -> None:
    count = 2 if family == "dual" else 1
    path = "jsonpath={.status.addresses[?(@.type=='InternalIP')].address}"
    assert ADDRESSES["w-1"] in ground.kubectl("cp-1", "get", "node", "w-1", "-o", path).split()
    ranges = ground.kubectl("cp-1", "get", "node", "w-1", "-o", "jsonpath={.spec.podCIDRs[*]}").split()
    assert len(ranges) == count
    pods = ground.kubectl(
        "cp-1",
        "get",
        "pods",
        "-n",
        "kube-system",
        "-l",
        "k8s-app=kube-dns",
        "-o",
        "jsonpath={.items[0].status.podIPs[*].ip}",
    )
    assert len(pods.split()) == count
    ground.as_admin("cp-1", f"kubectl apply -f - <<'EOF'\n{WEB}\nEOF")
    given = ground.kubectl("cp-1", "get", "service", "web", "-o", "jsonpath={.spec.clusterIPs[*]}").split()
    assert len(given) == count
    ground.kubectl("cp-1", "delete", "service", "web")


def test_members_of_etcd_serve_at_the_first_family(ground: Ground, family: str) -> None:
    listening = ground.on("cp-1", "ss -Hltn 'sport = :2380'")
    assert (f"[{ADDRESSES['cp-1']}]:2380" in listening) == (family == "ipv6")


def test_the_watch_sees_it_healthy(ground: Ground, family: str) -> None:
    with ground.watched():
        wait_for(ground.is_seen_healthy, f"a {family} cluster that is seen healthy")
