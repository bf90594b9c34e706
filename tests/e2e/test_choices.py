"""What a spec may choose besides the defaults, in one small cluster that is used from a host outside of it."""

from __future__ import annotations

import functools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from cryptography.x509 import load_pem_x509_certificate

from e2e.clients import toolbox
from e2e.ground import CLUSTER, HOSTS, Ground, wait_for
from windlass.domain.pki import Signer, new_authority
from windlass.effects.kubernetes.client import NODES
from windlass.errors import WindlassError
from windlass_lab.model import Lab

pytestmark = pytest.mark.full

ROLES = {"cp-1": ("etcd", "control-plane"), "w-1": ("worker",)}
OUTSIDE = "cp-3"
ISSUERS = ["https://kubernetes.default.svc.cluster.local", "https://id.example.org"]
FLAGS = {"max-requests-inflight": "399", "service-account-issuer": ISSUERS}
UNINITIALIZED = "node.cloudprovider.kubernetes.io/uninitialized"
WEB = """
apiVersion: v1
kind: Namespace
metadata: {name: web, labels: {pod-security.kubernetes.io/enforce: baseline}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: IMAGE
          command: [sh, -c, "mkdir /tmp/www && echo windlass > /tmp/www/index.html && httpd -f -p 8080 -h /tmp/www"]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: web}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
"""


def balancer_addresses(lab: Lab) -> str:
    network = lab.subnet.rpartition(".")[0]
    return f"{network}.240-{network}.245"


def own_authority(ground: Ground) -> str:
    """Put an authority of the user's into Airflow's connections, and return it."""
    own = new_authority("e2e's own", datetime.now(UTC))
    body = {
        "connection_id": "e2e_ca",
        "conn_type": "generic",
        "password": own.key.reveal(),
        "extra": json.dumps({"certificate": own.certificate}),
    }
    ground.client._send("DELETE", "/api/v2/connections/e2e_ca")
    ground.client._checked(ground.client._send("POST", "/api/v2/connections", json=body))
    return own.certificate


@pytest.fixture(scope="module")
def choices(ground: Ground) -> dict[str, Any]:
    """Create the cluster of this module, and return the sections of its spec."""
    if ground.records.spec() is not None:
        ground.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    certificate = own_authority(ground)
    sections: dict[str, Any] = {
        "pki": {"ca": {"kubernetes": "e2e_ca"}},
        "network": {"proxyMode": "nftables", "backend": "host-gw"},
        "loadBalancer": {"driver": "metallb", "addresses": [balancer_addresses(ground.lab)]},
        "monitoring": {"driver": "metrics-server"},
        "security": {"podSecurity": "restricted"},
        "api": {"oidc": [{"issuer": "https://id.example.com", "clientId": "kubernetes"}]},
        "components": {"kube-apiserver": {"extraArgs": FLAGS}},
        "manifests": [{"name": "web", "content": WEB.replace("IMAGE", toolbox(ground))}],
        "stacks": [{"name": "edge-proxy", "roles": ["control-plane"], "values": {"ports": "8088:30080"}}],
    }
    ground.create(ground.spec(ROLES, **sections)).succeeded()
    return sections | {"certificate": certificate}


def fetched(ground: Ground, url: str) -> bool:
    return ground.on(OUTSIDE, f"curl -sS --max-time 3 {url} || true").strip() == "windlass"


def test_a_service_of_type_load_balancer_answers_from_outside(ground: Ground, choices: dict[str, Any]) -> None:
    def address() -> str:
        path = "jsonpath={.status.loadBalancer.ingress[0].ip}"
        return ground.kubectl("cp-1", "get", "service", "-n", "web", "web", "-o", path).strip()

    given = wait_for(address, "an address for the service")
    assert given.startswith(ground.lab.subnet.rpartition(".")[0])
    wait_for(lambda: fetched(ground, f"http://{given}/"), "an answer at the service's address")


def test_the_users_stack_leads_to_the_users_service(ground: Ground, choices: dict[str, Any]) -> None:
    edge = ground.lab.host("cp-1").address
    wait_for(lambda: fetched(ground, f"http://{edge}:8088/"), "an answer through the edge proxy")
    status = ground.on(OUTSIDE, f"curl -sS -o /dev/null -w '%{{http_code}}' http://{edge}:7450/healthz")
    assert status == "200"


def test_the_users_authority_signs(ground: Ground, choices: dict[str, Any]) -> None:
    own = load_pem_x509_certificate(choices["certificate"].encode())
    assert ground.pki().authorities[Signer.KUBERNETES].certificate == choices["certificate"]
    served = load_pem_x509_certificate(ground.on("cp-1", "cat /etc/windlass/pki/apiserver.crt").encode())
    served.verify_directly_issued_by(own)


def test_services_and_routes_are_as_chosen(ground: Ground, choices: dict[str, Any]) -> None:
    assert "table ip kube-proxy" in ground.on("w-1", "nft list tables")
    assert f"via {ground.lab.host('cp-1').address} dev eth0" in ground.on("w-1", "ip route")
    flags = ground.on("cp-1", "docker inspect windlass-kube-apiserver")
    assert "--max-requests-inflight=399" in flags
    assert all(f"--service-account-issuer={issuer}" in flags for issuer in ISSUERS)
    assert "https://id.example.com" in ground.on("cp-1", "cat /etc/windlass/stacks/control-plane/authentication.yaml")


def test_pods_meet_the_strictest_level_unless_their_namespace_says_otherwise(
    ground: Ground, choices: dict[str, Any]
) -> None:
    refused = ground.as_admin("cp-1", "kubectl run bad --image=bad --dry-run=server 2>&1 || true")
    assert 'violates PodSecurity "restricted' in refused


def test_metrics_are_served(ground: Ground, choices: dict[str, Any]) -> None:
    def measured() -> set[str]:
        shown = ground.kubectl("cp-1", "get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes")
        return {item["metadata"]["name"] for item in json.loads(shown)["items"]}

    wait_for(lambda: measured() == set(ROLES), "metrics of all nodes", timedelta(minutes=3))


def test_all_of_it_is_left_alone_by_a_second_apply(ground: Ground, choices: dict[str, Any]) -> None:
    assert ground.create().succeeded().result("record") == "create_cluster: nothing to change"
    assert ground.apply().succeeded().outcome == "nothing"


def test_another_authority_is_refused_with_the_way_to_rotate(ground: Ground, choices: dict[str, Any]) -> None:
    stored = ground.records.spec()
    own_authority(ground)
    for refusal in (ground.create().refused("plan.validate"), ground.apply().refused("gate")):
        assert "kubernetes authority is not the one that the cluster runs with" in refusal
        assert "rotate_certificates" in refusal
    assert ground.records.spec() == stored


def test_a_stack_that_the_spec_drops_is_taken_away(ground: Ground, choices: dict[str, Any]) -> None:
    spec = yaml.safe_load(ground.records.spec() or "")
    spec["spec"]["stacks"], spec["spec"]["pki"] = [], {}
    before = ground.on("cp-1", "docker ps --format '{{.Names}} {{.ID}}' | grep -v edge | sort")

    run = ground.apply(yaml.safe_dump(spec, width=10_000)).succeeded()

    assert "edge-proxy" in run.result("gate")["text"]
    assert ground.on("cp-1", "docker ps --format '{{.Names}} {{.ID}}' | sort") == before
    assert ground.on("cp-1", "ls /etc/windlass/stacks").split() == ["api-proxy", "control-plane", "etcd"]


def test_nodes_wait_for_the_cloud_provider_that_the_spec_names(bare: Ground) -> None:
    manifest = {"name": "cloud", "content": "{apiVersion: v1, kind: Namespace, metadata: {name: cloud}}"}
    kubernetes = {"version": "v1.37.2", "cloudProvider": "external"}
    run_id = bare.start("create_cluster", spec=bare.spec(ROLES, kubernetes=kubernetes, manifests=[manifest]))
    bare.task_process("create_cluster", run_id, "cluster.services")

    for name in ROLES:
        left = wait_for(functools.partial(waiting_taints, bare, name), f"{name} waits for its cloud")
        # What the cloud's controller manager does once it knows the machine.
        with bare.api() as client:
            client.patch(NODES, name, {"spec": {"taints": left["others"], "providerID": f"lab://{name}"}})

    bare.finish("create_cluster", run_id).succeeded()
    bare.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    assert {host: bare.traces(host) for host in HOSTS} == {host: [] for host in HOSTS}


def waiting_taints(ground: Ground, name: str) -> dict[str, Any]:
    """Return the other taints of a node that waits for its cloud; empty while it does not, or is not there yet."""
    try:
        with ground.api() as client:
            node = client.get(NODES, name)
    except WindlassError:
        return {}
    taints = node["spec"].get("taints", []) if node else []
    others = [taint for taint in taints if taint["key"] != UNINITIALIZED]
    return {"others": others} if len(others) < len(taints) else {}
