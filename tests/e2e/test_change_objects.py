"""Objects of the cluster count: what somebody deleted or changed is found and put back; what leaves the spec goes."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml

from e2e.etcd import stored_secret
from e2e.ground import Ground, wait_for
from e2e.remediation import wait_until_calm
from windlass.domain.apply.readiness import is_ready
from windlass.effects.kubernetes.client import NODES, PODS, Resource

pytestmark = pytest.mark.full

DNS = ("coredns", "kube-system")
DEPLOYMENTS = Resource("apps/v1", "deployments", namespaced=True)
CONFIG_MAPS = Resource("v1", "configmaps", namespaced=True)
OWN = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "kept", "namespace": "default"},
    "data": {"a": "b"},
}
LABEL = "e2e.example/disk"


def delete_dns(ground: Ground) -> None:
    with ground.api() as client:
        client.delete(DEPLOYMENTS, *DNS)
        assert client.get(DEPLOYMENTS, *DNS) is None


def is_dns_back(ground: Ground) -> bool:
    with ground.api() as client:
        found = client.get(DEPLOYMENTS, *DNS)
    return found is not None and found["status"].get("availableReplicas", 0) == found["spec"]["replicas"]


def test_dns_that_somebody_deleted_is_in_the_plan_and_an_apply_puts_it_back(cluster: Ground) -> None:
    before = cluster.beginnings()
    delete_dns(cluster)

    plan = cluster.apply(plan_only=True).succeeded()
    run = cluster.apply().succeeded()

    told = [line for step in plan.result("gate")["steps"] for line in step["does"]]
    assert [line for line in told if "coredns" in line]
    assert plan.outcome == "planned"
    assert run.outcome == "done"
    wait_for(lambda: is_dns_back(cluster), "the DNS serves again")
    assert cluster.beginnings() == before
    assert cluster.apply().succeeded().outcome == "nothing"


def test_dns_that_somebody_deleted_is_found_by_the_watch_and_put_back(cluster: Ground) -> None:
    with cluster.watched():
        delete_dns(cluster)
        wait_for(lambda: is_dns_back(cluster), "the DNS is back by itself", timedelta(minutes=4))
        wait_until_calm(cluster)


def test_a_setting_that_somebody_changed_is_put_back(cluster: Ground) -> None:
    patch = '{"spec": {"template": {"spec": {"dnsPolicy": "ClusterFirst"}}}}'
    cluster.kubectl("cp-1", "-n", DNS[1], "patch", "deployment", DNS[0], "-p", patch)

    plan = cluster.apply(plan_only=True).succeeded()

    told = [line for step in plan.result("gate")["steps"] for line in step["does"]]
    assert [line for line in told if "coredns" in line]
    cluster.apply().succeeded()
    assert cluster.apply().succeeded().outcome == "nothing"


def test_both_replicas_of_the_dns_are_on_nodes_of_their_own(cluster: Ground) -> None:
    def nodes() -> list[str]:
        with cluster.api() as client:
            pods = client.list(PODS, DNS[1], "k8s-app=kube-dns")
        return [pod["spec"]["nodeName"] for pod in pods if is_ready(pod)]

    wait_for(lambda: len(nodes()) == len(set(nodes())) == 2, "two replicas on two nodes")


def test_what_leaves_the_spec_is_taken_out_of_the_cluster(cluster: Ground) -> None:
    manifests = [{"name": "kept", "content": yaml.safe_dump(OWN)}]
    document = yaml.safe_load(cluster.spec(manifests=manifests))
    document["spec"]["hosts"]["members"][3] |= {"labels": {LABEL: "fast"}}
    before = cluster.beginnings(("cp-1", "cp-2", "cp-3"))

    cluster.apply(yaml.safe_dump(document, width=10_000)).succeeded()
    there = (found_config_map(cluster), labelled(cluster))
    cluster.apply(cluster.spec()).succeeded()

    assert there == (True, {"w-1"})
    assert (found_config_map(cluster), labelled(cluster)) == (False, set())
    assert cluster.beginnings(("cp-1", "cp-2", "cp-3")) == before
    assert cluster.apply().succeeded().outcome == "nothing"


def test_secrets_are_written_again_when_their_encryption_is_turned_off_and_on(cluster: Ground) -> None:
    before = cluster.beginnings()
    cluster.kubectl("cp-1", "create", "secret", "generic", "stored", "--from-literal=word=in-clear-text")
    found = [stored_secret(cluster, "stored")]
    for encrypts in (False, True):
        run = cluster.apply(cluster.spec(security={"encryptSecrets": encrypts})).succeeded()
        assert run.outcome == "done"
        found.append(stored_secret(cluster, "stored"))
        assert cluster.apply().succeeded().outcome == "nothing"
    cluster.kubectl("cp-1", "delete", "secret", "stored")

    assert ["in-clear-text" in one for one in found] == [False, True, False]
    assert ["k8s:enc:" in one for one in found] == [True, False, True]
    assert cluster.beginnings() == before, "API servers load the configuration while they run"


def found_config_map(ground: Ground) -> bool:
    with ground.api() as client:
        return client.get(CONFIG_MAPS, "kept", "default") is not None


def labelled(ground: Ground) -> set[str]:
    with ground.api() as client:
        return {one["metadata"]["name"] for one in client.list(NODES) if LABEL in one["metadata"]["labels"]}
