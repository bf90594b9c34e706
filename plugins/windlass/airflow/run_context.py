"""What the tasks of one run share: the store, the keys, the catalog, and the cluster that the run is about."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from windlass.airflow.connections import has_teams
from windlass.airflow.other_runs import finished_by
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
from windlass.domain.spec.connection_scope import check_new_connections
from windlass.domain.spec.others import OtherSpec, read_other, refused_other
from windlass.domain.spec.problem import UnreadableSpec
from windlass.domain.spec.settled import settled
from windlass.domain.started_by import is_started_by_person
from windlass.effects.bundles import Vault
from windlass.effects.clock import Clock
from windlass.effects.installed import HOST_PROVIDERS, installed_names
from windlass.effects.store import (
    ClusterRecords,
    GuardedStore,
    LeaseHold,
    Leases,
    RunLease,
    ServiceLog,
    Store,
    list_clusters,
)
from windlass.effects.store.keys import backup_lease_key, delete_lease_key, drill_lease_key, lease_key
from windlass.errors import IntegrityError, NotReadyError, SpecError
from windlass.operation_names import Operation
from windlass.operations.cluster import ClusterSession, open_session
from windlass.operations.provision import Provision
from windlass.operations.rights import require_own_rights
from windlass.operations.services import Services

log = logging.getLogger(__name__)


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
    hold: LeaseHold | None = None
    """The lease that the run works under now: nothing is changed by this context once it is lost."""

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
        """The store, as far as it may be changed."""
        return self.services.store if self.hold is None else GuardedStore(self.services.store, self.hold.check)

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

    def desired(self, text: str | None, running: Cluster | None = None) -> Cluster:
        """Return the spec given to the run, checked against the catalog and the other clusters, or the stored one.

        What it leaves to the cluster is as in the stored spec, or in `running` where none is stored.
        """
        if not text:
            return self.cluster()
        known = Known.of(self.catalog, installed_names(HOST_PROVIDERS))
        others = self._others()
        clusters = [one.cluster for one in others if one.cluster is not None]
        unreadable = self._without_own([one.unreadable for one in others if one.unreadable is not None])
        cluster = load_cluster(text, "spec", known, other_clusters=clusters, unreadable=unreadable)
        if cluster.name != self.name:
            raise SpecError(
                f"spec: metadata.name: it says `{cluster.name}`, but the run is about `{self.name}`, and clusters "
                f"keep their names: put `{self.name}` back, or give `{cluster.name}` as the run's cluster"
            )
        require_own_rights(self, cluster.spec.access)
        self._check_connections(cluster, others)
        return settled(cluster, self.stored() or running, self.catalog.stacks)

    def _check_connections(self, cluster: Cluster, others: list[OtherSpec]) -> None:
        """RefusedError where the spec comes to name a connection that may be another team's; see docs/airflow.md."""
        own = self._other(self.name)
        stored = own.cluster if own is not None else None
        are_teams = has_teams() or any(one.may_name_teams for one in (*others, *([own] if own else ())))
        clusters = [one.cluster for one in others if one.cluster is not None]
        check_new_connections(cluster, stored, clusters, self.services.unlisted, are_teams=are_teams)

    def _others(self) -> list[OtherSpec]:
        """Return the other clusters of the store; one that is not readable is warned of, and holds up nothing else."""
        names = [name for name in list_clusters(self.store) if name != self.name]
        read = [other for name in names if (other := self._other(name)) is not None]
        for other in read:
            if other.warning:
                log.warning("%s", other.warning)
        return read

    def _other(self, name: str) -> OtherSpec | None:
        try:
            data = ClusterRecords(self.store, name).spec_bytes()
        except IntegrityError as error:
            return refused_other(name, str(error))
        return None if data is None else read_other(name, data)

    def _without_own(self, unreadable: list[UnreadableSpec]) -> list[UnreadableSpec]:
        """Leave out the addresses that this cluster has already: they are its own, whatever another spec may say."""
        data = self.records.spec_bytes() if unreadable else None
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

    def require_secrets(self, cluster: Cluster) -> None:
        """SpecError that names every secret that the spec refers to and that Airflow does not have for it."""
        self.services.secrets.require(cluster)

    def artifacts(self, cluster: Cluster, release: Release) -> tuple[Lock, MirrorAddresses]:
        """Return where the hosts of `cluster` get the artifacts of a release from."""
        return self.services.artifacts(cluster, release, self.store)

    def release_tests(self, version: str) -> TestRecord | None:
        """Return what is recorded of a release's tests; None if nothing is."""
        return self.services.release_tests(version)

    def vault(self, cluster: Cluster) -> Vault:
        """Return the cluster's recovery bundles, wherever its spec keeps them."""
        backup = cluster.spec.backup
        vault = self.services.vault(cluster.name, backup.target, backup.retention.lock)
        return vault if self.hold is None else replace(vault, store=GuardedStore(vault.store, self.hold.check))

    @contextmanager
    def session(self, cluster: Cluster) -> Iterator[ClusterSession]:
        """Open a session on the cluster: connections are made as hosts are needed, and dropped at the end."""
        release = self.catalog.release(cluster.spec.kubernetes.version)
        artifacts, connections = self.artifacts(cluster, release), self.services.connections(cluster)
        with open_session(cluster, release, artifacts, connections, self.services, self.hold) as session:
            yield session

    @contextmanager
    def working(self) -> Iterator[RunContext]:
        """Hold the lease for a block, and give this run as it may change the cluster meanwhile."""
        with LeaseHold(self.lease(), self.clock) as hold:
            yield replace(self, hold=hold)

    def missing_hosts(self, cluster: Cluster) -> tuple[str, ...]:
        """Return the hosts that the spec's provider is still to make."""
        return self.provision(cluster).missing()

    def make_hosts(self, cluster: Cluster) -> tuple[str, ...]:
        """Have the provider make what is missing, and return the names of those hosts."""
        self._check_lease()
        return self.provision(cluster).provide(self.owner.run_id)

    def destroy_host(self, cluster: Cluster, name: str) -> bool:
        """Have the provider destroy one host; False where hosts are the user's own, and nothing was done."""
        provision = self.provision(cluster)
        if provision.makes_hosts:
            self._check_lease()
        return provision.destroy((name,))

    def provision(self, cluster: Cluster) -> Provision:
        """Return the provider of the hosts of `cluster` at work."""
        return Provision(self.services, self.store, cluster)

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
        leases = Leases(self.services.store, self.is_finished, self.services.clock.now, key)
        return RunLease(leases, self.name, self.owner)

    def _check_lease(self) -> None:
        if self.hold is not None:
            self.hold.check()

    def log(self, text: str, *, level: Level = "info", details: Mapping[str, Detail] | None = None) -> None:
        """Write one line to the cluster's service log; a run that has lost its lease can still say so."""
        event = Event(
            time=self.services.clock.now(),
            operation=self.owner.dag_id,
            text=self.services.secrets.redact(text),
            level=level,
            run_id=self.owner.run_id,
            reason=self.reason,
            details=self.services.secrets.redact(dict(details or {})),
        )
        ServiceLog(self.services.store, self.name).append(event, writer=self.owner.dag_id)


def is_by_person(context: Mapping[str, Any]) -> bool:
    """Tell whether a person started the run that `context` belongs to."""
    return is_started_by_person(_run_type(context["dag_run"]))


def is_by_schedule(run: Any) -> bool:
    """Tell whether the time that a DAG's schedule has come to started a run."""
    return _run_type(run) == "scheduled"


def _run_type(run: Any) -> str:
    return str(getattr(run.run_type, "value", run.run_type))
