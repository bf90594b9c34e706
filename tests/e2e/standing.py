"""How tests come to a ground with nothing on it, or to one with the cluster of 3 + 1 hosts, whatever was before."""

from __future__ import annotations

from e2e.ground import CLUSTER, HOSTS, Ground
from windlass.errors import WindlassError


def empty_ground(ground: Ground) -> None:
    """Take down the cluster that is there, if any; nothing of it is left on any host."""
    if ground.records.spec() is not None:
        ground.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    assert {host: ground.traces(host) for host in HOSTS} == {host: [] for host in HOSTS}


def ensure_cluster(ground: Ground) -> None:
    """Have the cluster of 3 + 1 hosts; what is left of one that a test broke is taken down, and a new one made."""
    if not _stands(ground):
        empty_ground(ground)
        ground.create(ground.spec()).succeeded()


def _stands(ground: Ground) -> bool:
    try:
        return ground.records.spec() is not None and not ground.not_ready()
    except (WindlassError, AssertionError):  # nobody answers, or there are no keys yet
        return False
