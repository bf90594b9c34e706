"""What the steps of one rollout share: where they come from, where they go to, and how long each may take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from windlass.domain.artifacts import Lock
from windlass.domain.catalog import Release
from windlass.domain.pki import Pki
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.rollout.transition import Transition, planes_of
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
    api_hold: timedelta = timedelta(seconds=1)
    """How long a new API server must stay ready before every proxy is asked for it, and the next one goes."""
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
    transition: Transition | None = None
    """Which hosts join and leave; None where all stay what they are."""

    @property
    def during(self) -> ClusterSession:
        """Return the place with all hosts that join and leave: who is asked for quorum, and for an API server."""
        return replace(self.session, cluster=self.transition.during) if self.transition else self.session

    def is_new(self, host: Host) -> bool:
        """Say whether a host does something for the cluster that it did not before: then nothing can be put back."""
        old = next((one for one in self.before.hosts if one.name == host.name), None)
        return bool(planes_of(host) - planes_of(old))

    def host(self, name: str) -> Host:
        """Return the host of that name."""
        for host in (*self.session.hosts, *self.during.hosts):
            if host.name == name:
                return host
        raise SpecError(f"the spec has no host `{name}` any more; plan the rollout again")

    def connection(self, name: str) -> Connection:
        """Return the connection to a host."""
        return self.session.connections.get(name)


@dataclass(frozen=True)
class Views:
    """The cluster as it shall be, as it was before, and with everything that joins and leaves, on one place."""

    session: ClusterSession
    before: ClusterSession
    during: ClusterSession
    transition: Transition
    to_be_made: tuple[str, ...] = ()
    """Hosts that their provider has not made yet."""
    taken: Mapping[str, str] = field(default_factory=dict)
    """The addresses of other clusters' hosts, with whose each is."""

    @property
    def is_changed(self) -> bool:
        """Say whether the spec or the release is to be another."""
        return self.session.cluster != self.before.cluster or self.is_upgrade

    @property
    def is_upgrade(self) -> bool:
        """Say whether the release is to be another."""
        return self.session.release != self.before.release

    @property
    def compares_before(self) -> bool:
        """Say whether it matters what differs from the old spec too: for an upgrade, and where drift is only shown."""
        return self.is_changed and (self.is_upgrade or self.session.cluster.spec.repair.drift == "report")

    @property
    def serving(self) -> ClusterSession:
        """Return the cluster with the API servers alone that may be there already."""
        return self.before if self.transition.is_still else self.during


def session_at(
    session: ClusterSession, cluster: Cluster, release: Release, source: tuple[Lock, MirrorAddresses]
) -> ClusterSession:
    """Return the same place, with its hosts and connections, at another spec and release with its artifacts."""
    lock, mirror = source
    return replace(session, cluster=cluster, release=release, lock=lock, mirror=mirror)
