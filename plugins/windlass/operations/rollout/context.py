"""What the steps of one rollout share: where they come from, where they go to, and how long each may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from windlass.domain.artifacts import Lock
from windlass.domain.catalog import Release
from windlass.domain.pki import Pki
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.spec.models import Cluster, Host
from windlass.effects.ssh.connection import Connection
from windlass.errors import SpecError
from windlass.operations.cluster import ClusterSession

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Limits:
    """How long the steps of a rollout may take."""

    etcd_ready: timedelta = timedelta(seconds=90)
    api_ready: timedelta = timedelta(seconds=120)
    api_hold: timedelta = timedelta(seconds=3)
    """How long a new API server must stay ready before the next one goes."""
    planes_ready: timedelta = timedelta(seconds=90)
    """How long etcd, API server and controllers of a host may take after what is left of it was changed."""
    node_ready: timedelta = timedelta(seconds=120)
    pods_ready: timedelta = timedelta(seconds=30)
    """How long users' pods on a host that was not drained may take until they are ready as before."""
    services_ready: timedelta = timedelta(minutes=4)
    hook: timedelta = timedelta(minutes=15)


@dataclass(frozen=True)
class RolloutContext:
    """A rollout from what runs (`before`) to what is desired (`session`), both on the same connections."""

    session: ClusterSession
    before: ClusterSession
    pki: Pki
    tell: Tell
    """Hears each thing that is done, as it is done."""
    limits: Limits = Limits()

    def host(self, name: str) -> Host:
        """Return the host of that name."""
        for host in self.session.hosts:
            if host.name == name:
                return host
        raise SpecError(f"the spec has no host `{name}` any more; plan the rollout again")

    def connection(self, name: str) -> Connection:
        """Return the connection to a host."""
        return self.session.connections.get(name)


def session_at(
    session: ClusterSession, cluster: Cluster, release: Release, source: tuple[Lock, MirrorAddresses]
) -> ClusterSession:
    """Return the same place, with its hosts and connections, at another spec and release with its artifacts."""
    lock, mirror = source
    return replace(session, cluster=cluster, release=release, lock=lock, mirror=mirror)
