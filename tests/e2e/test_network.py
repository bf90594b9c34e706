"""What carries packets, keeps packets away and answers for names, as a spec chooses it, and how a choice is changed."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from e2e.clients import toolbox
from e2e.ground import CLUSTER, HOSTS, Ground, wait_for
from windlass.domain.pki import Signer
from windlass.effects.kubernetes.client import Credentials, KubernetesClient, Resource
from windlass.errors import RefusedError
from windlass.mirror.cache import read_lock

pytestmark = pytest.mark.full

ROLES = {"cp-1": ("etcd", "control-plane"), "w-1": ("worker",), "cp-2": ("worker",)}
NODES = tuple(ROLES)
NAMESPACE = "e2e-net"
POLICY = "kube-network-policies"
POLICY_TABLE = f"table inet {POLICY}"
DAEMON_SETS = Resource("apps/v1", "daemonsets", namespaced=True)
CONFIG_MAPS = Resource("v1", "configmaps", namespaced=True)
SERVE = "mkdir /tmp/www && hostname > /tmp/www/index.html && httpd -f -p 8080 -h /tmp/www"
PLACES = {
    "near": ("w-1", "server"),
    "far": ("cp-2", "server"),
    "client": ("w-1", "client"),
    "stranger": ("w-1", "other"),
}
"""Each pod with its node and its role; all of them serve."""
CLOSED = "exit code 143"
"""What `timeout` makes of a request that nobody answers."""
OWN_NAMES = {"address": "192.0.2.77", "names": ["db.corp.example.com"]}


def objects(image: str) -> str:
    """Return the pods of this module and a Service for its servers."""
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"role": role}},
            "spec": {
                "nodeName": node,
                "terminationGracePeriodSeconds": 1,
                "tolerations": [{"operator": "Exists"}],
                "containers": [{"name": "web", "image": image, "command": ["sh", "-c", SERVE]}],
            },
        }
        for name, (node, role) in PLACES.items()
    ]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {"selector": {"role": "server"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    return yaml.safe_dump_all([namespace, service, *pods])


@pytest.fixture(scope="module")
def net(ground: Ground) -> Ground:
    """The cluster of this module."""
    held = {one.name for one in read_lock().artifacts}
    assert POLICY in held, f"the mirror has not the optional image: `windlass mirror --only {POLICY}`"
    if ground.records.spec() is not None:
        ground.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    sections: dict[str, Any] = {
        "network": {"policy": POLICY},
        "dns": {"replicas": 3, "hosts": [OWN_NAMES]},
        "security": {"signRequests": True},
        "manifests": [{"name": "net", "content": objects(toolbox(ground))}],
    }
    ground.create(ground.spec(ROLES, **sections)).succeeded()
    wait_for(lambda: set(addresses(ground)) == set(PLACES), "every pod has an address")
    return ground


def addresses(ground: Ground) -> dict[str, str]:
    """Return the address of each pod of this module that has one."""
    shown = json.loads(ground.kubectl("cp-1", "get", "pods", "-n", NAMESPACE, "-o", "json"))
    pods = {one["metadata"]["name"]: one["status"].get("podIP", "") for one in shown["items"]}
    return {name: address for name, address in pods.items() if address}


def from_pod(ground: Ground, pod: str, command: str) -> str:
    """Return what a command in a pod prints, errors too."""
    return ground.as_admin("cp-1", f"kubectl exec -n {NAMESPACE} {pod} -- {command} 2>&1 || true").strip()


def fetch(ground: Ground, pod: str, target: str) -> str:
    # The shell's own wget crashes by its option for a limit of time.
    return from_pod(ground, pod, f"timeout 3 wget -qO- http://{target}/")


def applied(ground: Ground, *documents: dict[str, Any]) -> None:
    text = yaml.safe_dump_all(documents)
    ground.as_admin("cp-1", f"kubectl apply -f - <<'OBJECTS'\n{text}OBJECTS\n")


def policy(kind: str, name: str, role: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a policy that lets through, of one direction, what its rules say, and nothing else."""
    spec = {"podSelector": {"matchLabels": {"role": role}}, "policyTypes": [kind], kind.lower(): rules}
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def changed(ground: Ground, **network: Any) -> None:
    """Have a rollout change the network section of the stored spec."""
    spec = yaml.safe_load(ground.records.spec() or "")
    spec["spec"]["network"] |= network
    ground.apply(yaml.safe_dump(spec, width=10_000)).succeeded()


def assert_carried(ground: Ground) -> None:
    """Pods of both nodes reach the Service, by name, and both of its servers answer."""
    for pod in ("client", "far"):
        seen: set[str] = set()

        def both(pod: str = pod, seen: set[str] = seen) -> bool:
            seen.add(fetch(ground, pod, f"web.{NAMESPACE}"))
            return {"near", "far"} <= seen

        wait_for(both, f"{pod} reaches both servers by the Service; seen: {seen}")


def test_a_new_cluster_has_nftables(net: Ground) -> None:
    assert yaml.safe_load(net.records.spec() or "")["spec"]["network"]["proxyMode"] == "nftables"
    for node in NODES:
        assert "table ip kube-proxy" in net.on(node, "nft list tables")


def test_pods_reach_each_other_over_hosts_and_hosts_reach_pods(net: Ground) -> None:
    where = addresses(net)
    for pod, other in (("near", "far"), ("far", "near")):
        assert fetch(net, pod, f"{where[other]}:8080") == other
    for node in NODES:
        assert net.on(node, f"curl -sS --max-time 3 http://{where['far']}:8080/").strip() == "far"


def test_a_packet_of_full_size_gets_through(net: Ground) -> None:
    mtu = int(from_pod(net, "near", "cat /sys/class/net/eth0/mtu"))
    sent = from_pod(net, "near", f"ping -c 2 -W 2 -s {mtu - 28} {addresses(net)['far']}")
    assert " 0% packet loss" in sent, sent


def test_services_are_carried(net: Ground) -> None:
    assert_carried(net)


def test_a_port_that_a_service_has_not_is_turned_down_at_once(net: Ground) -> None:
    address = net.kubectl("cp-1", "get", "service", "-n", NAMESPACE, "web", "-o", "jsonpath={.spec.clusterIP}")
    assert "refused" in fetch(net, "client", f"{address}:81")


def test_a_service_keeps_to_one_server_for_a_client_that_asks_for_it(net: Ground) -> None:
    affinity = '{"spec": {"sessionAffinity": "ClientIP"}}'
    net.kubectl("cp-1", "patch", "service", "-n", NAMESPACE, "web", "-p", affinity)
    try:
        wait_for(
            lambda: {fetch(net, "client", f"web.{NAMESPACE}") for _ in range(8)} in ({"near"}, {"far"}),
            "one server for one client",
        )
    finally:
        net.kubectl("cp-1", "patch", "service", "-n", NAMESPACE, "web", "-p", affinity.replace("ClientIP", "None"))


def test_policies_keep_out_whom_they_do_not_let_in(net: Ground) -> None:
    where = addresses(net)
    let_in = policy("Ingress", "servers", "server", [{"from": [{"podSelector": {"matchLabels": {"role": "client"}}}]}])
    applied(net, let_in)
    try:
        for server in ("near", "far"):  # on the stranger's own node, and on another one
            target = f"{where[server]}:8080"
            wait_for(lambda target=target: CLOSED in fetch(net, "stranger", target), f"{server} is closed")
            assert fetch(net, "client", target) == server
        assert net.on("w-1", f"curl -sS --max-time 3 http://{where['near']}:8080/").strip() == "near"
    finally:
        net.kubectl("cp-1", "delete", "networkpolicy", "-n", NAMESPACE, "servers")
    wait_for(lambda: fetch(net, "stranger", f"{where['far']}:8080") == "far", "what no policy selects is open again")


def test_policies_keep_in_what_they_do_not_let_out(net: Ground) -> None:
    where = addresses(net)
    dns = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    applied(net, policy("Egress", "client", "client", [dns, {"to": [{"ipBlock": {"cidr": f"{where['near']}/32"}}]}]))
    try:
        wait_for(lambda: CLOSED in fetch(net, "client", f"{where['far']}:8080"), "the way to far is closed")
        assert fetch(net, "client", f"{where['near']}:8080") == "near"
        assert OWN_NAMES["address"] in from_pod(net, "client", "nslookup db.corp.example.com")
        assert fetch(net, "stranger", f"{where['far']}:8080") == "far"
    finally:
        net.kubectl("cp-1", "delete", "networkpolicy", "-n", NAMESPACE, "client")


def test_names_of_ones_own_are_answered_by_as_many_replicas_as_asked(net: Ground) -> None:
    assert OWN_NAMES["address"] in from_pod(net, "far", "nslookup db.corp.example.com")
    shown = net.kubectl("cp-1", "get", "deployment", "-n", "kube-system", "coredns", "-o", "json")
    assert json.loads(shown)["status"]["availableReplicas"] == 3


def test_an_approved_request_is_signed_and_lets_a_client_in(net: Ground) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ada")])
    asked = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    pem = base64.b64encode(asked.public_bytes(serialization.Encoding.PEM)).decode()
    request = {"request": pem, "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}
    metadata = {"name": "ada"}
    applied(
        net,
        {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": metadata,
            "spec": request,
        },
    )
    net.kubectl("cp-1", "certificate", "approve", "ada")
    path = "jsonpath={.status.certificate}"
    signed = wait_for(lambda: net.kubectl("cp-1", "get", "csr", "ada", "-o", path).strip(), "the request is signed")
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    own_key = key.private_bytes(encoding, form, serialization.NoEncryption()).decode()
    authority = net.pki().authorities[Signer.KUBERNETES].certificate
    credentials = Credentials(authority, base64.b64decode(signed).decode(), own_key)
    with (
        KubernetesClient(net.lab.host("cp-1").address, 6443, credentials) as client,
        pytest.raises(RefusedError, match="403"),  # 401 would say that nobody knows who asks
    ):
        client.list(CONFIG_MAPS, NAMESPACE)


def test_kube_proxys_mode_is_changed_on_a_running_cluster_and_leaves_nothing(net: Ground) -> None:
    changed(net, proxyMode="iptables")
    assert_carried(net)
    for node in NODES:
        assert "kube-proxy" not in net.on(node, "nft list tables")
        assert ":KUBE-SERVICES" in net.on(node, "iptables-save")

    changed(net, proxyMode="nftables")
    assert_carried(net)
    for node in NODES:
        assert "table ip kube-proxy" in net.on(node, "nft list tables")
        assert ":KUBE-SERVICES" not in net.on(node, "iptables-save")
    assert net.apply().succeeded().outcome == "nothing"


def test_without_policies_everything_is_let_through_and_nothing_is_left(net: Ground) -> None:
    where = addresses(net)
    applied(net, policy("Ingress", "servers", "server", []))
    wait_for(lambda: CLOSED in fetch(net, "client", f"{where['far']}:8080"), "the servers are closed")

    changed(net, policy=None)

    wait_for(lambda: fetch(net, "client", f"{where['far']}:8080") == "far", "nothing enforces the policy any more")
    for node in NODES:
        assert POLICY_TABLE not in net.on(node, "nft list tables")
    net.kubectl("cp-1", "delete", "networkpolicy", "-n", NAMESPACE, "servers")


def own_proxy(ground: Ground) -> str:
    """Return a proxy of the user's own: kube-proxy by another name, in the other mode."""
    with ground.api() as client:
        daemon_set = client.get(DAEMON_SETS, "kube-proxy", "kube-system") or {}
        config = client.get(CONFIG_MAPS, "kube-proxy", "kube-system") or {}
    labels = {"app": "own-proxy"}
    template = daemon_set["spec"]["template"]
    template["metadata"] = {"labels": labels}
    template["spec"]["volumes"][0]["configMap"]["name"] = "own-proxy"
    template["spec"]["serviceAccountName"] = template["spec"]["serviceAccount"] = "own-proxy"
    text = config["data"]["config.yaml"].replace("nftables", "iptables")
    named = {"name": "own-proxy", "namespace": "kube-system"}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "own-proxy"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node-proxier"},
        "subjects": [{"kind": "ServiceAccount", **named}],
    }
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return yaml.safe_dump_all(
        [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": named},
            binding,
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": named,
                "data": {**config["data"], "config.yaml": text},
            },
            {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": named, "spec": spec},
        ]
    )


def test_a_proxy_of_ones_own_takes_the_place_of_kube_proxy(net: Ground) -> None:
    spec = yaml.safe_load(net.records.spec() or "")
    spec["spec"]["manifests"].append({"name": "own-proxy", "content": own_proxy(net)})
    spec["spec"]["network"]["proxyMode"] = "none"
    net.apply(yaml.safe_dump(spec, width=10_000)).succeeded()

    with net.api() as client:
        assert client.get(DAEMON_SETS, "kube-proxy", "kube-system") is None
    for node in NODES:
        assert "kube-proxy" not in net.on(node, "nft list tables")
    wait_for(lambda: fetch(net, "client", f"web.{NAMESPACE}") in {"near", "far"}, "Services", timedelta(minutes=3))
    assert_carried(net)


def test_nothing_of_it_is_left_when_the_cluster_goes(net: Ground) -> None:
    net.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    assert {host: net.traces(host) for host in HOSTS} == {host: [] for host in HOSTS}
