"""How tests come to a ground with nothing on it, or to one with the cluster of 3 + 1 hosts, whatever was before."""

from __future__ import annotations

from e2e.ground import CLUSTER, HOSTS, OVERLAPPING, Ground
from windlass.domain.spec import load_cluster
from windlass.errors import WindlassError


def empty_ground(ground: Ground) -> None:
    """Take down the cluster that is there, if any; nothing of it is left on any host."""
    if ground.records.spec() is not None:
        ground.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    assert {host: ground.traces(host) for host in HOSTS} == {host: [] for host in HOSTS}


def ensure_cluster(ground: Ground) -> None:
    """Have the cluster of 3 + 1 hosts; what is left of one that a test broke is taken down, and a new one made."""
    if not stands(ground):
        empty_ground(ground)
        ground.create(ground.spec()).succeeded()


def stands(ground: Ground) -> bool:
    """Tell whether the cluster of 3 + 1 hosts and no others is there, all nodes Ready, with no rollout under way."""
    stored = ground.records.spec()
    if stored is None or ground.records.rollout() is not None:
        return False
    hosts = {host.name: tuple(host.roles) for host in load_cluster(stored, "stored spec").spec.hosts.members}
    try:
        return hosts == OVERLAPPING and not ground.not_ready()
    except (WindlassError, AssertionError):  # nobody answers, or there are no keys yet
        return False
