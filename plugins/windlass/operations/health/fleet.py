"""Which clusters there are to watch, as the store says, and what the store is told of what was seen."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from windlass.domain.backup.ids import BundleId
from windlass.domain.catalog import Catalog
from windlass.domain.health import CheckPlan, CheckReader
from windlass.domain.health.protocol import units_of
from windlass.domain.lease import Owner
from windlass.domain.servicelog import Event
from windlass.domain.spec import Cluster, load_cluster
from windlass.domain.spec.members import with_hosts
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.store import ClusterRecords, HostKeys, Leases, ServiceLog, Store
from windlass.effects.store.keys import CLUSTERS, SPEC_MARKS, bundles_prefix, delete_lease_key, lease_key, spec_key
from windlass.errors import IntegrityError
from windlass.operation_names import Operation

log = logging.getLogger(__name__)

Logins = Callable[[Cluster], list[SshTarget]]
"""Gives the login on each host of a cluster, without the keys that were trusted on first use."""


@dataclass(frozen=True)
class MonitoredCluster:
    """One cluster as it is watched."""

    plan: CheckPlan
    targets: Mapping[str, SshTarget]
    units: Mapping[str, tuple[str, ...]]
    """systemd units by host."""
    backup_schedule: str | None
    """When bundles are taken into the store, as cron; None if they are not."""
    reporters: tuple[str, ...]
    """The hosts that can ask Kubernetes about its nodes."""
    left: Mapping[str, SshTarget] = field(default_factory=dict)
    """The hosts that left the cluster and may not be clean, each with its login."""
    known: Mapping[str, Any] | None = None
    """The last observation, where another watcher left one."""


@dataclass(frozen=True)
class NewestBundle:
    """The newest bundle of a cluster; where there never was one, the spec since which one is to come."""

    at: datetime
    """When the bundle was begun, or the spec stored."""
    is_bundle: bool = True


@dataclass(frozen=True)
class Shard:
    """A share of all clusters: that of one trigger out of `count`."""

    index: int = 0
    count: int = 1

    def has(self, cluster: str) -> bool:
        """Say whether `cluster` is in this share; it stays in the same one as long as `count` does."""
        digest = hashlib.sha256(cluster.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index


@dataclass(frozen=True)
class Fleet:
    """The clusters in a store. Its methods wait for the store: call them from a thread."""

    store: Store
    catalog: Catalog
    logins: Logins
    shard: Shard
    checks: CheckReader

    def marks(self) -> dict[str, str]:
        """Return all clusters of this share that the store has a folder of, each with the mark of its spec.

        The mark changes with the spec; it is empty where the spec was put there by other means.
        """
        marks = {item.key.removeprefix(SPEC_MARKS): item.tag for item in self.store.list(SPEC_MARKS)}
        names = (name.removesuffix("/") for name in self.store.list_names(CLUSTERS))
        return {name: marks.get(name, "") for name in names if self.shard.has(name)}

    def spec(self, cluster: str) -> str | None:
        """Return the text of the stored spec; None if there is nothing to watch: it is gone, or being created."""
        records = ClusterRecords(self.store, cluster)
        return None if records.created() is None else records.spec()

    def watched(self, cluster: str, text: str) -> MonitoredCluster:
        """Return what there is to watch by a spec; SpecError if it cannot be understood or reached."""
        spec = load_cluster(text, f"stored spec of {cluster}")
        release = self.catalog.release(spec.spec.kubernetes.version)
        hosts = [host.name for host in spec.spec.hosts.members]
        planes = spec.hosts_with("control-plane")
        return MonitoredCluster(
            plan=self.checks.plan(spec, release),
            targets={target.name: target for target in self._targets(spec)},
            units={host: units_of(spec, host) for host in hosts},
            backup_schedule=None if spec.spec.backup.target else spec.spec.backup.schedule,
            reporters=tuple(plane.name for plane in planes),
            left=self._left(spec),
            known=self._known(cluster),
        )

    def left(self, cluster: str) -> tuple[str, ...]:
        """Return the names of the hosts that left a cluster and are not known to be clean."""
        return tuple(one.host.name for one in ClusterRecords(self.store, cluster).left_hosts())

    def newest(self, cluster: str) -> NewestBundle | None:
        """Return the newest bundle, or since when there should be one; None if there is no spec either."""
        names = self.store.list_names(bundles_prefix(cluster))
        taken = [found.time for name in names if (found := BundleId.find(name.removesuffix("/"))) is not None]
        if taken:
            return NewestBundle(max(taken))
        stored = next(iter(self.store.list(spec_key(cluster))), None)
        return None if stored is None else NewestBundle(stored.modified, is_bundle=False)

    def held_by(self, cluster: str, now: datetime) -> str | None:
        """Return who changes the cluster now as planned, so that remediation has to wait; None if nobody does."""
        for key in (delete_lease_key, lease_key):
            owner = self._owner(cluster, key, now)
            if owner is not None and owner.dag_id != Operation.REMEDIATE:
                return str(owner)
        return None

    def save(self, cluster: str, status: Mapping[str, Any], events: Sequence[Event]) -> None:
        """Store the last observation, and write the service log.

        That components end while their cluster is deleted, or was, is no news, and nothing is left of it in the store.
        """
        if events and self._is_going(cluster):
            return
        ClusterRecords(self.store, cluster).save_status(status)
        log = ServiceLog(self.store, cluster)
        for event in events:
            log.append(event, writer=event.operation)

    def _is_going(self, cluster: str) -> bool:
        if self._owner(cluster, delete_lease_key, datetime.now(UTC)) is not None:
            return True
        try:
            return ClusterRecords(self.store, cluster).spec_bytes() is None
        except IntegrityError:
            return False

    def _owner(self, cluster: str, key: Callable[[str], str], now: datetime) -> Owner | None:
        """Return the run that has one of the cluster's leases, if it has not expired."""
        lease = Leases(self.store, lambda _: None, lambda: now, key).current(cluster)
        return None if lease is None or now >= lease.expires else lease.owner

    def _known(self, cluster: str) -> Mapping[str, Any] | None:
        """Return the last observation; one that is not readable is replaced by the next."""
        try:
            return ClusterRecords(self.store, cluster).status()
        except IntegrityError as error:
            log.warning("%s: it is watched as if it had not been before: %s", cluster, error)
            return None

    def _left(self, spec: Cluster) -> dict[str, SshTarget]:
        """Return the logins on hosts that left, but for those whose address another host has by now."""
        taken = {host.address: host.name for host in spec.spec.hosts.members}
        hosts = [one.host for one in ClusterRecords(self.store, spec.name).left_hosts()]
        away = [host for host in hosts if taken.get(host.address, host.name) == host.name]
        return {one.name: one for one in self._targets(with_hosts(spec, away))} if away else {}

    def _targets(self, spec: Cluster) -> list[SshTarget]:
        return HostKeys(self.store, spec.name).known(self.logins(spec))
