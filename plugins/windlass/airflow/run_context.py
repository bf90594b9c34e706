"""What the tasks of one run share: the store, the keys, the catalog, and the cluster that the run is about."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError

from windlass.airflow.services import airflow_services
from windlass.domain.artifacts import Lock
from windlass.domain.catalog import Catalog, Release
from windlass.domain.catalog.tested import TestRecord
from windlass.domain.lease import Owner
from windlass.domain.pki import Credential, Pki, Signer
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.sealing import MasterKeys
from windlass.domain.servicelog import Detail, Event, Level
from windlass.domain.spec import Cluster, Known, load_cluster
from windlass.domain.spec.checks.syntax import wrong_label
from windlass.domain.spec.others import read_other
from windlass.domain.spec.problem import UnreadableSpec
from windlass.domain.started_by import is_started_by_person
from windlass.effects.bundles import Vault
from windlass.effects.clock import Clock
from windlass.effects.installed import HOST_PROVIDERS, installed_names
from windlass.effects.store import ClusterRecords, Leases, RunLease, ServiceLog, Store, list_clusters
from windlass.effects.store.keys import backup_lease_key, delete_lease_key, drill_lease_key, lease_key
from windlass.errors import NotReadyError, SpecError
from windlass.operation_names import Operation
from windlass.operations.cluster import ClusterSession, open_session
from windlass.operations.services import Services

log = logging.getLogger(__name__)
_UNFINISHED = {"queued", "running"}


@dataclass(frozen=True)
class RunContext:
    """One run's view of one cluster: what it may read and write. Nothing is asked of anybody before it is needed."""

    name: str
    owner: Owner
    is_finished: Callable[[Owner], bool | None]
    """Whether another owner's run has ended; None where nobody can tell."""
    services: Services
    """What the run works with."""
    reason: str = ""
    requester: str = ""
    """Airflow's name of the user who started the run; empty where it knows of none, as of a schedule's runs."""

    @classmethod
    def of(cls, context: Mapping[str, Any], services: Services | None = None) -> RunContext:
        """Return the context of the run that `context` belongs to, with Airflow's services if none are given."""
        run, params = context["dag_run"], context["params"]
        # A run that a schedule of partitions started is about the cluster that its partition is named after.
        name = params.get("cluster") or getattr(run, "partition_key", None)
        if not name:
            raise SpecError(f"{run.dag_id}: the run is about no cluster; give its name in the param `cluster`")
        # The form of params binds params; a partition's name comes from whoever made the run.
        if wrong := wrong_label(name):
            raise SpecError(f"{run.dag_id}: no cluster is called {name!r}: {wrong[0]}; {wrong[1]}")
        return cls.of_cluster(name, context, services or airflow_services(), params.get("reason") or "")

    @classmethod
    def of_cluster(cls, name: str, context: Mapping[str, Any], services: Services, reason: str = "") -> RunContext:
        """Return the context of the run that `context` belongs to at the cluster `name`, whatever the run names."""
        run = context["dag_run"]
        requester = getattr(run, "triggering_user_name", None) or ""
        return cls(name, Owner(run.dag_id, run.run_id), finished_by(context), services, reason, requester)

    @property
    def store(self) -> Store:
        """The store."""
        return self.services.store

    @property
    def keys(self) -> MasterKeys:
        """The master keys."""
        return self.services.keys

    @property
    def catalog(self) -> Catalog:
        """Every release that Windlass knows."""
        return self.services.catalog

    @property
    def clock(self) -> Clock:
        """The time, and waiting."""
        return self.services.clock

    @property
    def records(self) -> ClusterRecords:
        """What the store knows of the cluster."""
        return ClusterRecords(self.store, self.name)

    def stored(self) -> Cluster | None:
        """Return the cluster's stored spec; None if there is none."""
        text = self.records.spec()
        return None if text is None else load_cluster(text, f"stored spec of {self.name}")

    def cluster(self) -> Cluster:
        """Return the cluster's stored spec; SpecError if there is none."""
        cluster = self.stored()
        if cluster is None:
            raise SpecError(f"the store knows no cluster `{self.name}`; give its spec to `{Operation.APPLY}`")
        return cluster

    def desired(self, text: str | None) -> Cluster:
        """Return the spec given to the run, checked against the catalog and the other clusters, or the stored one."""
        if not text:
            return self.cluster()
        catalog = self.catalog
        known = Known(catalog.versions, catalog.stacks, catalog.flags, installed_names(HOST_PROVIDERS))
        others, unreadable = self._others()
        cluster = load_cluster(text, "spec", known, other_clusters=others, unreadable=unreadable)
        if cluster.name != self.name:
            raise SpecError(f"spec: metadata.name: it says `{cluster.name}`, but the run is about `{self.name}`")
        return cluster

    def _others(self) -> tuple[list[Cluster], list[UnreadableSpec]]:
        """Return the other clusters of the store; one that is not readable is warned of, and holds up nothing else."""
        names = [name for name in list_clusters(self.store) if name != self.name]
        stored = [(name, ClusterRecords(self.store, name).spec_bytes()) for name in names]
        read = [read_other(name, data) for name, data in stored if data is not None]
        for other in read:
            if other.warning:
                log.warning("%s", other.warning)
        clusters = [other.cluster for other in read if other.cluster is not None]
        unreadable = [other.unreadable for other in read if other.unreadable is not None]
        return clusters, self._without_own(unreadable) if unreadable else []

    def _without_own(self, unreadable: list[UnreadableSpec]) -> list[UnreadableSpec]:
        """Leave out the addresses that this cluster has already: they are its own, whatever another spec may say."""
        data = self.records.spec_bytes()
        own = read_other(self.name, data).addresses if data is not None else frozenset()
        return [replace(one, addresses=one.addresses - own) for one in unreadable]

    def pki(self) -> Pki:
        """Return the cluster's PKI; NotReadyError if it was not made yet."""
        pki = self.records.pki(self.keys)
        if pki is None:
            raise NotReadyError(f"cluster `{self.name}` has no certificates yet; run the task that seeds them first")
        return pki

    def authorities(self, cluster: Cluster) -> Mapping[Signer, Credential]:
        """Return the authorities of the user's own that the spec refers to, from Airflow's connections."""
        return self.services.authorities(cluster)

    def artifacts(self, cluster: Cluster, release: Release) -> tuple[Lock, MirrorAddresses]:
        """Return where the hosts of `cluster` get the artifacts of a release from."""
        return self.services.artifacts(cluster, release, self.store)

    def release_tests(self, version: str) -> TestRecord | None:
        """Return what is recorded of a release's tests; None if nothing is."""
        return self.services.release_tests(version)

    def vault(self, cluster: Cluster) -> Vault:
        """Return the cluster's recovery bundles, wherever its spec keeps them."""
        backup = cluster.spec.backup
        return self.services.vault(cluster.name, backup.target, backup.retention.lock)

    @contextmanager
    def session(self, cluster: Cluster) -> Iterator[ClusterSession]:
        """Open a session on the cluster: connections are made as hosts are needed, and dropped at the end."""
        release = self.catalog.release(cluster.spec.kubernetes.version)
        artifacts, connections = self.artifacts(cluster, release), self.services.connections(cluster)
        with open_session(cluster, release, artifacts, connections, self.services) as session:
            yield session

    def missing_hosts(self, cluster: Cluster) -> tuple[str, ...]:
        """Return the hosts that the spec's provider is still to make."""
        provider = self.services.provider(cluster)
        return provider.missing(cluster) if provider.makes_hosts else ()

    def make_hosts(self, cluster: Cluster) -> tuple[str, ...]:
        """Have the provider make what is missing, and return the names of those hosts."""
        return self.services.provider(cluster).provide(cluster, self.owner.run_id)

    def destroy_host(self, cluster: Cluster, name: str) -> bool:
        """Have the provider destroy one host; False where hosts are the user's own, and nothing was done."""
        provider = self.services.provider(cluster)
        if provider.makes_hosts:
            provider.destroy(cluster, (name,))
        return provider.makes_hosts

    def lease(self) -> RunLease:
        """Return the lease of the cluster's operations, of which one at a time changes the cluster."""
        return self._lease(lease_key)

    def backup_lease(self) -> RunLease:
        """Return the lease of backups, which one run at a time takes beside whatever operation runs."""
        return self._lease(backup_lease_key)

    def drill_lease(self) -> RunLease:
        """Return the lease of restore drills, which change nothing of the cluster."""
        return self._lease(drill_lease_key)

    def delete_lease(self) -> RunLease:
        """Return the lease of whoever deletes the cluster, which others stand back from."""
        return self._lease(delete_lease_key)

    def _lease(self, key: Callable[[str], str]) -> RunLease:
        leases = Leases(self.store, self.is_finished, self.services.clock.now, key)
        return RunLease(leases, self.name, self.owner)

    def log(self, text: str, *, level: Level = "info", details: Mapping[str, Detail] | None = None) -> None:
        """Write one line to the cluster's service log."""
        event = Event(
            time=self.services.clock.now(),
            operation=self.owner.dag_id,
            text=text,
            level=level,
            run_id=self.owner.run_id,
            reason=self.reason,
            details=details or {},
        )
        ServiceLog(self.store, self.name).append(event, writer=self.owner.dag_id)


def is_by_person(context: Mapping[str, Any]) -> bool:
    """Tell whether a person started the run that `context` belongs to."""
    run_type = context["dag_run"].run_type
    return is_started_by_person(str(getattr(run_type, "value", run_type)))


def finished_by(context: Mapping[str, Any]) -> Callable[[Owner], bool | None]:
    """Return a function that asks Airflow whether another run has ended; None where Airflow cannot tell."""

    def is_finished(owner: Owner) -> bool | None:
        try:
            state = context["ti"].get_dagrun_state(owner.dag_id, owner.run_id)
        except AirflowRuntimeError:  # it knows no such run (any more): another Airflow's, or one that was purged
            return None
        return None if state is None else state not in _UNFINISHED

    return is_finished
