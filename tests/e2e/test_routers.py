"""Ways to Services that a router learns of by BGP, and a DNS cache on each node: on, used, and off again."""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.clients import toolbox
from e2e.ground import CLUSTER, HOSTS, Ground, wait_for
from e2e.test_choices import WEB

pytestmark = pytest.mark.full

ROLES = {"cp-1": ("etcd", "control-plane"), "w-1": ("worker",)}
ROUTER = "cp-3"
"""A host of the lab that is no part of the cluster."""
ROUTER_ASN, NODES_ASN = 64500, 64512
BALANCED = "203.0.113.0/28"
"""Of no network of the lab: whoever reaches it has learned the way."""
BIRD = ("bird2", "libssh-gcrypt-4")
CONTROL = "/run/e2e-bird.ctl"


def bird_config(ground: Ground) -> str:
    neighbours = "".join(
        f"protocol bgp from nodes {{ neighbor {ground.lab.host(name).address} as {NODES_ASN}; }}\n" for name in ROLES
    )
    return f"""router id {ground.lab.host(ROUTER).address};
protocol device {{}}
protocol kernel {{ merge paths; ipv4 {{ export all; import none; }}; }}
template bgp nodes {{ local as {ROUTER_ASN}; passive; ipv4 {{ import all; export none; }}; }}
{neighbours}"""


def packed_bird() -> str:
    """Return Debian's BIRD for a host that has no way to Debian, as text."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["apt-get", "download", "-q", *BIRD], cwd=directory, check=True, capture_output=True)
        for package in Path(directory).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, f"{directory}/root"], check=True)
        tar = ["tar", "-C", f"{directory}/root", "-czf", "-", "./usr/sbin", "./usr/lib"]
        return base64.encodebytes(subprocess.run(tar, check=True, capture_output=True).stdout).decode()


@pytest.fixture(scope="module")
def routed(ground: Ground) -> Iterator[Ground]:
    """The cluster of this module, and a router beside it."""
    if ground.records.spec() is not None:
        ground.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    ground.on(ROUTER, f"base64 -d <<'PACKED' | tar -C / -xzf -\n{packed_bird()}PACKED\n")
    ground.on(ROUTER, f"cat >/etc/e2e-bird.conf <<'CONFIG'\n{bird_config(ground)}CONFIG\n")
    ground.on(ROUTER, f"bird -c /etc/e2e-bird.conf -s {CONTROL} -P /run/e2e-bird.pid")
    sections: dict[str, Any] = {
        "loadBalancer": {"driver": "metallb", "values": by_bgp(ground)},
        "dns": {"values": {"nodeCache": True}},
        "manifests": [{"name": "web", "content": WEB.replace("IMAGE", toolbox(ground))}],
    }
    ground.create(ground.spec(ROLES, **sections)).succeeded()
    yield ground
    ground.on(ROUTER, f"birdcl -s {CONTROL} down; rm -f /etc/e2e-bird.conf")


def by_bgp(ground: Ground) -> dict[str, Any]:
    peers = [f"{ground.lab.host(ROUTER).address} AS{ROUTER_ASN}"]
    return {"addresses": [BALANCED], "mode": "bgp", "peers": peers, "ownAsn": NODES_ASN}


def changed(ground: Ground, section: str, **values: Any) -> None:
    """Have a rollout change the answers of a section of the stored spec."""
    spec = yaml.safe_load(ground.records.spec() or "")
    spec["spec"][section]["values"] = values
    ground.apply(yaml.safe_dump(spec, width=10_000)).succeeded()


def given_address(ground: Ground) -> str:
    path = "jsonpath={.status.loadBalancer.ingress[0].ip}"
    return ground.kubectl("cp-1", "get", "service", "-n", "web", "web", "-o", path).strip()


def test_a_router_leads_to_a_service_by_what_nodes_told_it(routed: Ground) -> None:
    address = wait_for(lambda: given_address(routed), "an address for the service")
    assert address.startswith("203.0.113.")

    def next_hops() -> bool:
        table = routed.on(ROUTER, f"birdcl -s {CONTROL} show route {address}/32 all")
        return all(routed.lab.host(name).address in table for name in ROLES)

    wait_for(next_hops, "both nodes tell the router")
    fetch = f"curl -sS --max-time 3 http://{address}/ || true"
    wait_for(lambda: routed.on(ROUTER, fetch).strip() == "windlass", "an answer by the way that it learned")


def caches(ground: Ground) -> dict[str, str]:
    """Return the address of each node's cache."""
    selector = ("-l", "component=cache", "-n", "kube-system", "-o", "json")
    found = json.loads(ground.kubectl("cp-1", "get", "pods", *selector))["items"]
    return {one["spec"]["nodeName"]: one["status"].get("podIP", "") for one in found}


def answers(ground: Ground, address: str) -> int:
    """Return how many questions the CoreDNS of an address has answered."""
    told = ground.on("cp-1", f"curl -sS --max-time 5 http://{address}:9153/metrics")
    counted = [line for line in told.splitlines() if line.startswith("coredns_dns_requests_total{")]
    return sum(int(float(line.split()[-1])) for line in counted)


def resolve(ground: Ground) -> str:
    return ground.as_admin("cp-1", "kubectl exec -n web deploy/web -- nslookup web.web.svc.cluster.local 2>&1 || true")


def test_pods_ask_the_cache_of_their_own_node(routed: Ground) -> None:
    node = routed.kubectl(
        "cp-1", "get", "pods", "-n", "web", "-l", "app=web", "-o", "jsonpath={.items[0].spec.nodeName}"
    ).strip()
    addresses = caches(routed)
    assert set(addresses) == set(ROLES)
    others = {name: answers(routed, address) for name, address in addresses.items() if name != node}
    before = answers(routed, addresses[node])
    for _ in range(5):
        assert "Name:" in resolve(routed)
    replicas = routed.kubectl("cp-1", "get", "pods", "-n", "kube-system", "-l", "component=resolver", "-o", "json")
    is_alone = node not in {one["spec"]["nodeName"] for one in json.loads(replicas)["items"]}
    assert answers(routed, addresses[node]) > before or not is_alone
    if is_alone:
        assert {name: answers(routed, addresses[name]) for name in others} == others


def test_names_are_resolved_while_the_cache_comes_and_goes(routed: Ground) -> None:
    changed(routed, "dns")
    assert caches(routed) == {}
    assert "Name:" in resolve(routed)
    changed(routed, "dns", nodeCache=True)
    assert set(caches(routed)) == set(ROLES)
    assert "Name:" in resolve(routed)


def test_the_way_is_taken_back_when_the_mode_changes(routed: Ground) -> None:
    address = given_address(routed)
    changed(routed, "loadBalancer", addresses=[BALANCED])
    table = f"birdcl -s {CONTROL} show route {address}/32 || true"
    wait_for(lambda: "unicast" not in routed.on(ROUTER, table), "the router forgets the way")
    kinds = routed.kubectl("cp-1", "get", "bgppeers,bgpadvertisements", "-n", "metallb-system", "-o", "name")
    assert kinds.strip() == ""


def test_nothing_is_left(routed: Ground) -> None:
    routed.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    assert {host: routed.traces(host) for host in HOSTS} == {host: [] for host in HOSTS}
