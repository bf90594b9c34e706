from __future__ import annotations

import json

from e2e.etcd import stored_secret
from e2e.ground import CLUSTER, OVERLAPPING, Ground
from e2e.leaks import CommandLines
from windlass.effects.kubernetes.client import NODES


def test_a_run_whose_task_was_killed_goes_on_and_ends_with_a_cluster(bare: Ground, command_lines: CommandLines) -> None:
    with command_lines.watched():
        run_id = bare.start("create_cluster", spec=bare.spec(), reason="first of all")
        killed = bare.task_process("create_cluster", run_id, "hosts.prepare")
        killed.kill()
        run = bare.converge("create_cluster", run_id).succeeded()

    tries = {task.task_id: task.try_number for task in bare.client.tasks("create_cluster", run_id)}
    assert tries["hosts.prepare"] > 1
    assert not bare.not_ready()
    assert "all nodes Ready" in run.result("verify")
    assert run.result("record").startswith("create_cluster: ")
    assert bare.service_log()[0] == run.result("record")


def test_the_lease_is_free_after_a_run(cluster: Ground) -> None:
    stored = cluster.store.get(f"clusters/{CLUSTER}/lease.json")
    assert stored is not None
    assert json.loads(stored.data)["released"] is True


def test_nodes_have_the_roles_and_addresses_of_the_spec(cluster: Ground) -> None:
    with cluster.api() as client:
        nodes = {node["metadata"]["name"]: node for node in client.list(NODES)}

    assert set(nodes) == set(OVERLAPPING)
    for name, roles in OVERLAPPING.items():
        labels = nodes[name]["metadata"]["labels"]
        assert {f"node-role.kubernetes.io/{role}" for role in roles} <= set(labels)
        assert cluster.lab.host(name).address in {one["address"] for one in nodes[name]["status"]["addresses"]}
        taints = {taint["key"] for taint in nodes[name]["spec"].get("taints", [])}
        assert ("node-role.kubernetes.io/control-plane" in taints) is ("control-plane" in roles)


def test_a_host_without_an_identity_gets_nothing_from_the_api(cluster: Ground) -> None:
    url = "https://127.0.0.1:7443/api/v1/secrets"
    code = cluster.on("w-1", f"curl -s -o /dev/null -w '%{{http_code}}' --cacert /etc/windlass/pki/ca.crt {url}")
    assert code in {"401", "403"}


def test_secrets_lie_encrypted_in_etcd(cluster: Ground) -> None:
    cluster.kubectl("cp-1", "create", "secret", "generic", "e2e-rest", "--from-literal=word=in-clear-text")
    found = stored_secret(cluster, "e2e-rest")
    cluster.kubectl("cp-1", "delete", "secret", "e2e-rest")

    assert "k8s:enc:" in found
    assert "in-clear-text" not in found


def test_a_storage_class_that_leads_out_of_its_directory_is_refused(cluster: Ground) -> None:
    # CVE-2025-62878 of the local-path-provisioner that the catalog has.
    hostile = (
        "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: e2e-hostile}\n"
        "provisioner: rancher.io/local-path\nparameters: {pathPattern: '../../../etc/e2e'}\n"
    )
    refusal = cluster.as_admin("cp-1", f"kubectl create -f - 2>&1 <<'END' || true\n{hostile}END\n")
    cluster.kubectl("cp-1", "delete", "storageclass", "e2e-hostile", "--ignore-not-found")
    assert "must not have the parameter pathPattern" in refusal
