"""What Windlass works with, in one value that is built once for each task or process and passed in.

The Airflow layer builds the real one from Airflow's connections (`windlass.airflow.services`); tests build their own.
Nothing is asked of anybody before it is needed, so that a task that needs no host works without a login on one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from windlass.domain.artifacts import Artifact, Lock
from windlass.domain.catalog import Catalog, Release
from windlass.domain.catalog.tested import TestRecord
from windlass.domain.notice import Notice
from windlass.domain.pki import Credential, Signer
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.sealing import MasterKeys
from windlass.domain.spec.care import BackupTarget, ObjectLock
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.private import FINGERPRINT_DIGITS, Fingerprint
from windlass.effects.bundles import Vault
from windlass.effects.clock import SYSTEM_CLOCK, Clock
from windlass.effects.etcd import EtcdClient
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.effects.mirror import fetch_lock, missing_artifacts
from windlass.effects.providers import HostProvider
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import HostKeys, Store
from windlass.operations.secrets import SpecSecrets, no_secrets


@dataclass(frozen=True)
class Clients:
    """How to talk to what runs at the end of a way to a host; by default over the network."""

    etcd: Callable[..., EtcdClient] = EtcdClient
    """Gives a client of one member of etcd, made as an `EtcdClient` is: target, credentials, deadline of each call."""
    kubernetes: Callable[..., KubernetesClient] = KubernetesClient
    """Gives a client of one API server, made as a `KubernetesClient` is: address, port, credentials."""
    missing_artifacts: Callable[[Mapping[Artifact, str | None]], tuple[str, ...]] = missing_artifacts
    """Returns those artifacts that their URLs in the mirror do not give, each with the reason."""
    offered_lock: Callable[[str], Lock] = fetch_lock
    """Returns the lock that the mirror at a URL offers, which holds only if somebody accepted it."""

    def guarded(self, check: Callable[[], None]) -> Clients:
        """Return the same, but that `check` is called before each change, and may raise what forbids it."""
        etcd, kubernetes = partial(self.etcd, guard=check), partial(self.kubernetes, guard=check)
        return replace(self, etcd=etcd, kubernetes=kubernetes)


@dataclass(frozen=True)
class Services:
    """All that operations reach outside of their own process. Two of them may differ in everything."""

    open_store: Callable[[], Store]
    """Returns the store; SpecError if nobody has said where it is."""
    open_bundle_store: Callable[[BackupTarget | None, str, ObjectLock | None], Store]
    """Returns where the spec of the cluster of that name keeps its bundles, and has what is created there locked."""
    load_keys: Callable[[], MasterKeys]
    """Returns the master keys: the first seals, all unseal; SpecError if there are none."""
    load_catalog: Callable[[], Catalog]
    """Reads every release that Windlass knows, and the stacks for specs to pick; SpecError lists what is wrong."""
    release_tests: Callable[[str], TestRecord | None]
    """Returns the record of a release's tests (`vX.Y.Z`); None if there is none."""
    artifacts: Callable[[Cluster, Release, Store], tuple[Lock, MirrorAddresses]]
    """Returns where the hosts of a cluster get a release's artifacts, and the digests that they check."""
    connect: Callable[[Cluster, HostKeys], Connections]
    """Returns the hosts of a cluster, each to be connected when it is needed; keys trusted on first use are kept."""
    provider: Callable[[Cluster], HostProvider]
    """Returns what makes the cluster's hosts; SpecError if there is no such provider."""
    authorities: Callable[[Cluster], Mapping[Signer, Credential]]
    """Returns the authorities of the user's own that a spec refers to; empty if Windlass makes all of them."""
    notify: Callable[[Iterable[Notice], Any], None]
    """Notifies whoever wants to know, on behalf of the Airflow context given; one receiver that fails is logged."""
    unlisted: Callable[[Collection[str]], Collection[str]] = lambda _: ()
    """Returns which connections say of no cluster that it may use them, where a spec has to be told so."""
    secrets: SpecSecrets = field(default_factory=lambda: SpecSecrets(no_secrets))
    """What the references in specs stand for."""
    clock: Clock = SYSTEM_CLOCK
    """The time, in UTC and in monotonic seconds, and waiting."""
    clients: Clients = field(default_factory=Clients)
    """How to talk to etcd, API servers and the mirror."""

    @cached_property
    def store(self) -> Store:
        """The store, opened when it is first asked for."""
        return self.open_store()

    @cached_property
    def keys(self) -> MasterKeys:
        """The master keys, read when they are first asked for."""
        return self.load_keys()

    @cached_property
    def catalog(self) -> Catalog:
        """Every release that Windlass knows, read when it is first asked for."""
        return self.load_catalog()

    def fingerprints(self, cluster: str) -> Fingerprint:
        """Return what tells private texts of a cluster apart; the master keys are read when it is first used."""
        return lambda text: self.keys.fingerprint(cluster, text)[:FINGERPRINT_DIGITS]

    def vault(self, cluster: str, target: BackupTarget | None, lock: ObjectLock | None = None) -> Vault:
        """Return the recovery bundles of a cluster: in `target`, as its spec has it, or in the store."""
        is_plain = target is None and lock is None
        return Vault(self.store if is_plain else self.open_bundle_store(target, cluster, lock), cluster, self.keys)

    def connections(self, cluster: Cluster) -> Connections:
        """Return the hosts of a cluster, with the keys by which the store knows them."""
        return self.connect(cluster, HostKeys(self.store, cluster.name))
