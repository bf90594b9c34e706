"""What a spec is rendered to before there are hosts: the Compose files that the page shows."""

from __future__ import annotations

import yaml

from unit.rendering.conftest import SHIPPED, TOPOLOGIES, make_cluster
from windlass.domain.rendering import host_stacks
from windlass.domain.rendering.preview import preview_stacks
from windlass.effects.catalog import load_catalog

CATALOG = load_catalog(SHIPPED)
NEWEST = CATALOG.versions[-1]


def test_every_host_has_the_compose_file_of_each_of_its_stacks() -> None:
    cluster = make_cluster(TOPOLOGIES["separate"], NEWEST, api={"virtualAddress": "192.0.2.100"})
    shown = preview_stacks(cluster, CATALOG.release(NEWEST))
    assert {name: tuple(stacks) for name, stacks in shown.items()} == {
        host.name: host_stacks(cluster, host) for host in cluster.spec.hosts.members
    }
    assert all(yaml.safe_load(text)["services"] for stacks in shown.values() for text in stacks.values())


def test_secrets_are_not_asked_for() -> None:
    values = {"ports": {"fromVariable": "windlass_secret_edge"}}
    cluster = make_cluster(TOPOLOGIES["standalone"], NEWEST, stacks=[{"name": "edge-proxy", "values": values}])
    (stacks,) = preview_stacks(cluster, CATALOG.release(NEWEST)).values()
    assert "windlass_secret_edge" not in stacks["edge-proxy"]
