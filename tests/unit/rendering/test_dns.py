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


CACHED: dict[str, Any] = {"values": {"nodeCache": True}}


class TestNodeCache:
    def test_pods_ask_that_of_their_node_first_and_others_where_it_is_not_ready(self, render: Any) -> None:
        service = render(dns=CACHED).object("Service", "kube-dns")["spec"]
        cache = render(dns=CACHED).object("DaemonSet", "node-dns-cache")["spec"]["template"]
        replica = render(dns=CACHED).object("Deployment", "coredns")["spec"]["template"]
        assert service["trafficDistribution"] == "PreferSameNode"
        for pods in (cache, replica):
            assert service["selector"].items() <= pods["metadata"]["labels"].items()
        assert {"operator": "Exists"} in cache["spec"]["tolerations"]

    def test_it_asks_replicas_alone_and_waits_for_them(self, render: Any) -> None:
        rendering = render(dns=CACHED)
        selector = rendering.object("Service", "kube-dns-upstream")["spec"]["selector"]
        cache = rendering.object("DaemonSet", "node-dns-cache")["spec"]["template"]
        replica = rendering.object("Deployment", "coredns")["spec"]["template"]
        assert selector.items() <= replica["metadata"]["labels"].items()
        assert not selector.items() <= cache["metadata"]["labels"].items()
        text = rendering.object("ConfigMap", "node-dns-cache")["data"]["Corefile"]
        assert "forward . {$KUBE_DNS_UPSTREAM_SERVICE_HOST} {" in text
        (wait,) = cache["spec"]["initContainers"]
        assert '"$KUBE_DNS_UPSTREAM_SERVICE_HOST"' in wait["command"][2]

    def test_one_replica_stays_whatever_caches_there_are(self, render: Any) -> None:
        rendering = render(dns=CACHED)
        kept = rendering.object("PodDisruptionBudget", "coredns")["spec"]["selector"]["matchLabels"]
        cache = rendering.object("DaemonSet", "node-dns-cache")["spec"]["template"]["metadata"]["labels"]
        assert not kept.items() <= cache.items()
        assert (
            kept.items() <= rendering.object("Deployment", "coredns")["spec"]["template"]["metadata"]["labels"].items()
        )

    def test_nothing_is_there_of_it_unless_it_is_asked_for(self, render: Any) -> None:
        rendering = render(dns={"values": {"nodeCache": False}})
        assert rendering.manifests() == render().manifests()
        assert not [one for one in rendering.manifests() if "cache" in one.name or "upstream" in one.name]
