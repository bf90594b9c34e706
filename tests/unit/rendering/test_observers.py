"""What reports on nodes and add-ons from a host may list these, and nothing else."""

from __future__ import annotations

import pytest

from unit.rendering.conftest import Render
from windlass.domain.objects.watched import WatchedObject, watched_objects
from windlass.domain.spec.drivers import observed_kinds

EVERYTHING = {
    "loadBalancer": {"driver": "metallb", "addresses": ["192.0.2.200-192.0.2.210"]},
    "monitoring": {"driver": "metrics-server"},
}
NODES = WatchedObject("", "/api/v1/nodes?", "Node", "")


@pytest.mark.parametrize("version", ["v1.36.3", "v1.37.2"])
def test_observers_may_list_what_is_watched(render: Render, version: str) -> None:
    rendering = render(version=version, **EVERYTHING)
    kinds = observed_kinds(rendering.cluster, rendering.release.drivers)
    rules = rendering.object("ClusterRole", "windlass:observers")["rules"]
    allowed = {(rule["apiGroups"][0], resource) for rule in rules for resource in rule["resources"]}
    watched = {one.kind for one in watched_objects(rendering.manifests(), kinds)}

    assert {"Deployment", "IPAddressPool", "APIService"} <= watched
    assert {_listed(one) for one in (NODES, *watched_objects(rendering.manifests(), kinds))} <= allowed


def test_observers_may_do_nothing_else(render: Render) -> None:
    rules = render().object("ClusterRole", "windlass:observers")["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"list"}
    resources = {resource for rule in rules for resource in rule["resources"]}
    assert not resources & {"*", "secrets", "pods", "pods/exec", "nodes/proxy"}


def _listed(one: WatchedObject) -> tuple[str, str]:
    """Return the API group of what is listed, and the name of its kind there."""
    path = one.path.partition("?")[0].strip("/").split("/")
    return ("", path[2]) if path[0] == "api" else (path[1], path[3])
