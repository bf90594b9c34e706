"""One cluster as an operation works with it: what is wanted, where its parts come from, and its hosts, connected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

from windlass.domain.artifacts import Lock
from windlass.domain.catalog import Release
from windlass.domain.pki import Pki
from windlass.domain.pki.trust import pods_trust
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.scripts.script import Script, changes_of
from windlass.domain.spec.drivers import foundation_namespaces
from windlass.domain.spec.models import Cluster, Host
from windlass.domain.spec.private import Fingerprint, no_fingerprint
from windlass.effects.clock import SYSTEM_CLOCK, Clock
from windlass.effects.ssh.connection import Connection, RemoteFile
from windlass.effects.ssh.fan_out import HostOutcome, fan_out, values
from windlass.effects.ssh.guard import ChangeGuard
from windlass.effects.ssh.pool import Connections
from windlass.operations.host_progress import HostProgress
from windlass.operations.host_speed import measure_slowness
from windlass.operations.own_host import admit_own_hosts
from windlass.operations.secrets import SpecSecrets, no_secrets
from windlass.operations.services import Clients, Services
from windlass.operations.waiting import asked_again

T = TypeVar("T")

Changes = tuple[str, ...]


@dataclass(frozen=True)
class ClusterSession:
    """A cluster's spec with its release, the lock and the mirror that its hosts use, and its open connections."""

    cluster: Cluster
    release: Release
    lock: Lock
    mirror: MirrorAddresses
    connections: Connections
    clock: Clock = SYSTEM_CLOCK
    """Of all waiting for this cluster, and of the times that are written down."""
    clients: Clients = field(default_factory=Clients)
    """How to talk to its etcd, its API servers and its mirror."""
    secrets: SpecSecrets = field(default_factory=lambda: SpecSecrets(no_secrets))
    """What the references in its spec stand for."""
    fingerprint: Fingerprint = no_fingerprint
    """Tells private texts apart in what is shown of them."""
    guard: ChangeGuard | None = None
    """What lets it be changed: the lease of the run; None where it is only looked at, or by no operation."""
    pods_trust: str = ""
    """Which authorities pods are to have read, as a mark; empty where these were never changed."""

    def revealed(self, *parts: str) -> Cluster:
        """Return the spec with secrets in the place of the references in `parts`; for rendering alone."""
        return self.secrets.reveal(self.cluster, *parts)

    def trusting(self, pki: Pki) -> ClusterSession:
        """Return the session as it renders objects: their pods are to have read the authorities of `pki`."""
        return replace(self, pods_trust=pods_trust(pki))

    @property
    def foundation(self) -> frozenset[str]:
        """The namespaces of what Windlass runs in the cluster for everyone."""
        return foundation_namespaces(self.cluster, self.release.drivers)

    @property
    def hosts(self) -> tuple[Host, ...]:
        """Return all hosts of the spec."""
        return tuple(self.cluster.spec.hosts.members)

    def on_hosts(self, doing: str, hosts: Iterable[Host], act: Callable[[Host, Connection], T]) -> dict[str, T]:
        """Do something on `hosts` side by side; results by host name, or one error that tells every host's.

        While it takes long, whoever hears the clock's waits is told where it has not ended.
        """
        chosen = tuple(hosts)
        with HostProgress(doing, [host.name for host in chosen], self.clock.tell) as progress:

            def noted(host: Host, connection: Connection) -> T:
                try:
                    return act(host, connection)
                finally:
                    progress.ended(host.name)

            return values(self.try_on_hosts(chosen, noted), doing)

    def check_lease(self) -> None:
        """LostLeaseError if the lease that is worked under is lost, which a change by other ways asks for itself."""
        if self.guard is not None:
            self.guard.check()

    def tell(self, text: str) -> None:
        """Tell whoever hears the clock's waits what begins now that may take long."""
        if self.clock.tell is not None:
            self.clock.tell(text)

    def try_on_hosts(self, hosts: Iterable[Host], act: Callable[[Host, Connection], T]) -> dict[str, HostOutcome[T]]:
        """Do something on `hosts` side by side; the outcome of each by host name."""
        by_name = {host.name: host for host in hosts}
        return fan_out(by_name, lambda name: act(by_name[name], self.connections.get(name)))

    def observe_on_hosts(
        self, hosts: Iterable[Host], look: Callable[[Host, Connection], T]
    ) -> dict[str, HostOutcome[T]]:
        """Look at something on `hosts` side by side; the outcome of each by host name.

        A host that was reached and then lost is asked once more before that counts.
        """
        return self.try_on_hosts(hosts, lambda host, connection: asked_again(lambda: look(host, connection)))


@contextmanager
def open_session(
    cluster: Cluster,
    release: Release,
    source: tuple[Lock, MirrorAddresses],
    connections: Connections,
    services: Services | None = None,
    guard: ChangeGuard | None = None,
) -> Iterator[ClusterSession]:
    """Connect to the hosts as they are needed, and drop all connections at the end.

    Without `services` the clock is this machine's, and everything is reached over the network. With a `guard` hosts,
    etcd and API servers are changed only as it lets them.
    """
    session = ClusterSession(cluster, release, *source, connections)
    if services is not None:
        session = replace(
            session,
            clock=services.clock,
            clients=services.clients,
            secrets=services.secrets,
            fingerprint=services.fingerprints(cluster.name),
        )
    session = replace(session, clock=replace(session.clock, slowness=partial(measure_slowness, connections)))
    if guard is not None:
        connections.guard_changes(guard)
        session = replace(session, clients=session.clients.guarded(guard.check), guard=guard)
    admit_own_hosts(connections, cluster.name)
    with connections:
        yield session


def run_script(
    connection: Connection,
    script: Script,
    timeout: timedelta = timedelta(minutes=5),
    on_line: Callable[[str], None] | None = None,
) -> Changes:
    """Run a script as root and return what it says that it changed; CommandError if it fails."""
    return changes_of(connection.run_script(script, timeout=timeout, on_line=on_line).stdout)


def put_files(connection: Connection, files: Mapping[str, RemoteFile]) -> bool:
    """Lay files down by their absolute paths; whether any of them had to change."""
    return connection.put_tree("/", {path.lstrip("/"): file for path, file in files.items()})
