"""The cluster's DNS as the spec has it: zones of others, names of one's own, replicas and what each gets."""

from __future__ import annotations

from typing import Any

ZONE: dict[str, Any] = {"name": "corp.example.com", "upstreams": ["192.0.2.53", "192.0.2.54:5353"]}
HOSTS: tuple[dict[str, Any], ...] = (
    {"address": "192.0.2.9", "names": ["db.example.com", "db.corp.example.com"]},
    {"address": "fd00::9", "names": ["db.example.com"]},
)


def corefile(rendering: Any) -> str:
    return str(rendering.object("ConfigMap", "coredns")["data"]["Corefile"])


def test_a_zone_is_asked_of_its_own_servers(render: Any) -> None:
    zone = corefile(render(dns={"zones": [ZONE]})).partition("corp.example.com:53 {")[2]
    assert "forward . 192.0.2.53 192.0.2.54:5353 {" in zone
    assert "kubernetes" not in zone


def test_names_of_ones_own_are_known_within_zones_too(render: Any) -> None:
    text = corefile(render(dns={"zones": [ZONE], "hosts": HOSTS}))
    lines = [line.strip() for line in text.splitlines()]
    assert lines.count("192.0.2.9 db.example.com db.corp.example.com") == 2
    assert lines.count("fd00::9 db.example.com") == 2
    assert [line.strip() for line in text.splitlines()].count("fallthrough") == 2


def test_a_changed_zone_replaces_the_pods(render: Any) -> None:
    before, after = (render(dns=one).object("Deployment", "coredns") for one in ({}, {"zones": [ZONE]}))
    assert before["spec"]["template"] != after["spec"]["template"]


def test_replicas_and_resources_are_those_of_the_spec(render: Any) -> None:
    dns = {"replicas": 5, "resources": {"cpu": "2", "memory": "1Gi", "memoryLimit": "2Gi"}}
    spec = render(dns=dns).object("Deployment", "coredns")["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert spec["replicas"] == 5
    assert container["resources"] == {"requests": {"cpu": 2, "memory": "1Gi"}, "limits": {"memory": "2Gi"}}


def test_one_replica_alone_can_leave_its_node(render: Any) -> None:
    budgets = [one.name for one in render(dns={"replicas": 1}).manifests() if one.kind == "PodDisruptionBudget"]
    assert "coredns" not in budgets
