"""A running cluster is given to another host provider."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

import pytest

from windlass.domain.spec.models import Cluster
from windlass.effects.providers import StaticProvider
from windlass.errors import RefusedError
from world import World
from world.specs import SMALL

SETTINGS = "{imageId: ami-1, instanceType: m7i.large, subnetId: subnet-1, sshFrom: [192.0.2.0/24]}"
EC2 = SMALL.replace("  hosts:\n", f"  hosts:\n    provider: ec2\n    connection: aws\n    settings: {SETTINGS}\n")


@dataclass
class Cloud:
    """Makes hosts, and knows of some."""

    known: set[str] = field(default_factory=set)
    made: list[str] = field(default_factory=list)
    makes_hosts = True

    def missing(self, cluster: Cluster) -> tuple[str, ...]:
        return tuple(host.name for host in cluster.spec.hosts.members if host.name not in self.known)

    def provide(self, cluster: Cluster, run: str) -> tuple[str, ...]:
        missing = self.missing(cluster)
        self.made += missing
        return missing

    def destroy(self, cluster: Cluster, names: Collection[str] | None = None) -> tuple[str, ...]:
        raise AssertionError("nothing is destroyed here")


def at_a_cloud(new: Callable[[str], World], cloud: Cloud) -> World:
    world = new(SMALL)
    world.run("create_cluster", spec=SMALL)
    by_name = {"ec2": cloud}
    world.services = replace(
        world.services, provider=lambda cluster: by_name.get(cluster.spec.hosts.provider, StaticProvider())
    )
    return world


def test_a_provider_that_knows_no_machine_of_a_cluster_makes_no_second_ones(new: Callable[[str], World]) -> None:
    cloud = Cloud()
    world = at_a_cloud(new, cloud)
    before = world.state()

    for dag_id in ("apply_cluster", "upgrade_cluster"):
        with pytest.raises(RefusedError, match="`ec2`, as it is set up now, knows no machine of cp-1, w-1") as told:
            world.run(dag_id, spec=EC2, auto_approve=True)

    assert "put spec.hosts.provider, connection and settings back" in str(told.value)
    assert cloud.made == []
    assert world.state() == before


def test_one_that_knows_them_all_takes_them_over(new: Callable[[str], World]) -> None:
    cloud = Cloud({"cp-1", "w-1"})
    world = at_a_cloud(new, cloud)

    run = world.run("apply_cluster", spec=EC2, auto_approve=True)

    assert run.results["result"]["state"] == "done"
    assert cloud.made == []
