"""A namespace and single objects come back from a bundle into a cluster that lives, and nothing else is touched."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from e2e.ground import Ground, wait_for
from windlass.effects.kubernetes.client import NAMESPACES, KubernetesClient, Resource

pytestmark = pytest.mark.full

CONFIGS, SECRETS = Resource("v1", "configmaps", namespaced=True), Resource("v1", "secrets", namespaced=True)
SERVICES = Resource("v1", "services", namespaced=True)
DEFINITIONS = Resource("apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False)
GADGETS = Resource("example.com/v1", "gadgets", namespaced=True)
WORD = "hunter2"
TRACES = "docker ps -aq --filter label=io.windlass.drill; ls /var/lib/windlass/drills 2>/dev/null; true"
SCHEMA = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gadgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Gadget", "plural": "gadgets", "singular": "gadget"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": SCHEMA}],
    },
}


def made(kind: str, name: str, api_version: str = "v1", **parts: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, **parts}


OBJECTS = (
    made("ConfigMap", "settings", data={"color": "blue"}),
    made("Secret", "login", stringData={"password": WORD}),
    made("Service", "web", spec={"selector": {"app": "web"}, "ports": [{"port": 80, "protocol": "TCP"}]}),
    made("Gadget", "one", "example.com/v1", spec={"size": 7}),
)


@pytest.fixture
def shop(cluster: Ground) -> Ground:
    """A namespace with objects of several kinds, and a newest bundle that has them."""
    with cluster.api() as client:
        client.apply(DEFINITION)
        wait_for(lambda: client.find_resource("example.com/v1", "Gadget"), "the API serves the new kind")
        client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        for one in OBJECTS:
            client.apply(one)
    cluster.run("etcd_backup").succeeded()
    return cluster


def contents(client: KubernetesClient) -> dict[str, Any]:
    """What was wanted of each object, and which address the Service has."""
    service = client.get(SERVICES, "web", "shop") or {}
    return {
        "settings": (client.get(CONFIGS, "settings", "shop") or {}).get("data"),
        "login": (client.get(SECRETS, "login", "shop") or {}).get("data"),
        "gadget": (client.get(GADGETS, "one", "shop") or {}).get("spec"),
        "address": (service.get("spec") or {}).get("clusterIP"),
    }


def lose(client: KubernetesClient) -> None:
    client.delete(NAMESPACES, "shop")
    wait_for(lambda: client.get(NAMESPACES, "shop") is None, "the namespace is gone")


def test_a_namespace_that_was_deleted_comes_back(shop: Ground) -> None:
    with shop.api() as client:
        before = contents(client)
        lose(client)

        plan = shop.run("restore_objects", namespace="shop", plan_only=True).succeeded()
        assert client.get(NAMESPACES, "shop") is None
        began = time.monotonic()
        run = shop.run("restore_objects", namespace="shop", auto_approve=True, reason="it was deleted").succeeded()
        print(f"restore_namespace_s {time.monotonic() - began:.1f}")  # noqa: T201  a figure to read

        assert contents(client) == before
    for name in ("create Namespace shop", "create ConfigMap shop/settings", "create Gadget shop/one"):
        assert name in plan.result("plan")["text"]
    assert all(WORD not in json.dumps(run.result(task)) for task in ("plan", "restore"))
    assert any("namespace shop brought back from bundle" in line for line in shop.service_log())
    assert not [host for host in ("cp-1", "cp-2", "cp-3", "w-1") if shop.on(host, TRACES).split()]


def test_what_differs_is_left_alone_until_it_is_to_be_overwritten(shop: Ground) -> None:
    with shop.api() as client:
        client.apply(made("ConfigMap", "settings", data={"color": "red", "new": "x"}))
        one = {"namespace": "shop", "kind": "ConfigMap", "name": "settings", "auto_approve": True}

        left = shop.run("restore_objects", **one).succeeded()
        assert "conflict ConfigMap shop/settings" in left.result("plan")["text"]
        assert contents(client)["settings"] == {"color": "red", "new": "x"}

        shop.run("restore_objects", overwrite=True, **one).succeeded()
        assert contents(client)["settings"] == {"color": "blue"}
        again = shop.run("restore_objects", overwrite=True, **one).succeeded()
        assert again.result("plan")["counts"] == {"same": 1}


def test_nothing_comes_back_into_a_namespace_that_goes_away(shop: Ground) -> None:
    with shop.api() as client:
        found = client.get(CONFIGS, "settings", "shop")
        assert found is not None
        found["metadata"]["finalizers"] = ["example.com/hold"]
        assert client.replace(CONFIGS, found)
        client.delete(NAMESPACES, "shop")
        try:
            refusal = shop.run("restore_objects", namespace="shop", auto_approve=True).refused("plan")
            assert "namespace shop is being deleted" in refusal
        finally:
            held = client.get(CONFIGS, "settings", "shop") or {}
            held.get("metadata", {}).pop("finalizers", None)
            assert client.replace(CONFIGS, held)
            wait_for(lambda: client.get(NAMESPACES, "shop") is None, "the namespace is gone")
            client.delete(DEFINITIONS, "gadgets.example.com")
