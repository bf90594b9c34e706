"""What the tasks of one run share: the store, the keys, the catalog, and the cluster that the run is about."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError

from windlass.airflow.artifacts import artifacts_of
from windlass.airflow.authorities import user_authorities
from windlass.airflow.connections import master_keys, open_bundle_store, open_store
from windlass.airflow.hooks.host import HostHook
from windlass.domain.artifacts import Lock
from windlass.domain.catalog import Catalog, Release
from windlass.domain.catalog.tested import TestRecord
from windlass.domain.lease import Owner
from windlass.domain.pki import Credential, Pki, Signer
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.sealing import MasterKeys
from windlass.domain.servicelog import Detail, Event, Level
from windlass.domain.spec import Cluster, load_cluster
from windlass.domain.started_by import is_started_by_person
from windlass.effects.bundles import Vault
from windlass.effects.catalog import load_catalog, load_record
from windlass.effects.store import ClusterRecords, HostKeys, Leases, RunLease, ServiceLog, Store, list_clusters
from windlass.effects.store.keys import backup_lease_key, drill_lease_key, lease_key
from windlass.errors import NotReadyError, SpecError
from windlass.operation_names import Operation
from windlass.operations.cluster import ClusterSession, open_session

_UNFINISHED = {"queued", "running"}


def templates_directory() -> Path:
    """Return the catalog's directory in this checkout; the setting WINDLASS_INCLUDE names another `include`."""
    include = os.environ.get("WINDLASS_INCLUDE")
    root = Path(include) if include else Path(__file__).parents[3] / "include"
    return root / "templates" / "kubernetes"


@dataclass(frozen=True)
class RunContext:
    """One run's view of one cluster: what it may read and write. Nothing is asked of anybody before it is needed."""

    name: str
    owner: Owner
    is_finished: Callable[[Owner], bool | None]
    """Whether another owner's run has ended; None where nobody can tell."""
    reason: str = ""

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> RunContext:
        """Return the workplace of the run that `context` belongs to."""
        run, params = context["dag_run"], context["params"]
        # A run that a schedule of partitions started is about the cluster that its partition is named after.
        name = params.get("cluster") or getattr(run, "partition_key", None)
        if not name:
            raise SpecError(f"{run.dag_id}: the run is about no cluster; give its name in the param `cluster`")
        return cls.of_cluster(name, context, params.get("reason") or "")

    @classmethod
    def of_cluster(cls, name: str, context: Mapping[str, Any], reason: str = "") -> RunContext:
        """Return the workplace of the run that `context` belongs to at the cluster `name`, whatever the run names."""
        run = context["dag_run"]
        return cls(name, Owner(run.dag_id, run.run_id), finished_by(context), reason)

    @cached_property
    def store(self) -> Store:
        """The store."""
        return open_store()

    @cached_property
    def keys(self) -> MasterKeys:
        """The master keys."""
        return master_keys()

    @cached_property
    def catalog(self) -> Catalog:
        """Every release that Windlass knows."""
        return load_catalog(templates_directory())

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
        cluster = load_cluster(
            text,
            "spec",
            known_versions=catalog.versions,
            other_clusters=self._others(),
            known_stacks=catalog.stacks,
        )
        if cluster.name != self.name:
            raise SpecError(f"spec: metadata.name: it says `{cluster.name}`, but the run is about `{self.name}`")
        return cluster

    def _others(self) -> list[Cluster]:
        texts = {
            name: ClusterRecords(self.store, name).spec() for name in list_clusters(self.store) if name != self.name
        }
        return [load_cluster(text, f"stored spec of {name}") for name, text in texts.items() if text]

    def pki(self) -> Pki:
        """Return the cluster's PKI; NotReadyError if it was not made yet."""
        pki = self.records.pki(self.keys)
        if pki is None:
            raise NotReadyError(f"cluster `{self.name}` has no certificates yet; run the task that seeds them first")
        return pki

    def authorities(self, cluster: Cluster) -> Mapping[Signer, Credential]:
        """Return the authorities of the user's own that the spec refers to, from Airflow's connections."""
        return user_authorities(cluster)

    def artifacts(self, cluster: Cluster, release: Release) -> tuple[Lock, MirrorAddresses]:
        """Return where the hosts of `cluster` get the artifacts of a release from."""
        return artifacts_of(cluster, release, self.store)

    def release_tests(self, version: str) -> TestRecord | None:
        """Return what is recorded of a release's tests; None if nothing is."""
        return load_record(templates_directory(), version)

    def vault(self, cluster: Cluster) -> Vault:
        """Return the cluster's recovery bundles, wherever its spec keeps them."""
        target = cluster.spec.backup.target
        return Vault(self.store if target is None else open_bundle_store(target), cluster.name, self.keys)

    @contextmanager
    def session(self, cluster: Cluster) -> Iterator[ClusterSession]:
        """Open the cluster's site: connections are made as hosts are needed, and dropped at the end."""
        release = self.catalog.release(cluster.spec.kubernetes.version)
        hook = HostHook(cluster.spec.hosts.ssh.connection)
        connections = hook.connections(cluster, HostKeys(self.store, cluster.name))
        with open_session(cluster, release, self.artifacts(cluster, release), connections) as session:
            yield session

    def lease(self) -> RunLease:
        """Return the lease of the cluster's operations, of which one at a time changes the cluster."""
        return self._lease(lease_key)

    def backup_lease(self) -> RunLease:
        """Return the lease of backups, which one run at a time takes beside whatever operation runs."""
        return self._lease(backup_lease_key)

    def drill_lease(self) -> RunLease:
        """Return the lease of restore drills, which change nothing of the cluster."""
        return self._lease(drill_lease_key)

    def _lease(self, key: Callable[[str], str]) -> RunLease:
        leases = Leases(self.store, self.is_finished, lambda: datetime.now(UTC), key)
        return RunLease(leases, self.name, self.owner)

    def log(self, text: str, *, level: Level = "info", details: Mapping[str, Detail] | None = None) -> None:
        """Write one line to the cluster's service log."""
        event = Event(
            time=datetime.now(UTC),
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
