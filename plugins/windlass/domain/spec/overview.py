"""A cluster at a glance: what the pages, the API and the command show; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from windlass.domain.apply.created import BEING_CREATED
from windlass.domain.backup.ids import BundleId
from windlass.domain.catalog import Catalog
from windlass.domain.cluster_summary import BackupLine, HostLine, Summary
from windlass.domain.lease import Lease
from windlass.domain.spec import topology
from windlass.domain.spec.models import Cluster
from windlass.errors import MALFORMED
from windlass.operation_names import ROLLOUTS, Operation

Standing = Literal["being created", "healthy", "repairing", "ill", "needs help", "not watched"]
STALE = timedelta(minutes=15)
"""A watch that has not written for this long does not run."""


@dataclass(frozen=True)
class Backups:
    """The bundles of a cluster, newest first, and what drills said of them."""

    bundles: tuple[BundleId, ...] = ()
    proven: Mapping[str, bool] = field(default_factory=dict)
    """Whether the bundle's last drill restored it, by id; absent where none was held."""
    recovery_seconds: float | None = None
    """How long the drill took that proves the newest bundle that is proven."""


@dataclass(frozen=True)
class KnownCluster:
    """What the store knows of one cluster."""

    cluster: Cluster
    status: Mapping[str, Any]
    """What the watch wrote last; empty if it never did."""
    lease: Lease | None
    alerts: Mapping[str, str]
    backups: Backups
    is_created: bool = True
    """Whether it was verified once: until then it is being created, whatever else is known of it."""


def summary_of(known: KnownCluster) -> Summary:
    """Return a cluster as it is shown among others."""
    cluster, bundles = known.cluster, known.backups.bundles
    return Summary(
        name=cluster.name,
        version=cluster.spec.kubernetes.version,
        topology=topology(cluster),
        hosts=tuple(HostLine(one.name, one.address, tuple(one.roles)) for one in cluster.spec.hosts.members),
        access=cluster.spec.access,
        is_created=known.is_created,
        status=known.status,
        lease=known.lease,
        alerts=known.alerts,
        backups=BackupLine(
            len(bundles), bundles[0] if bundles else None, _proven(known.backups), known.backups.recovery_seconds
        ),
    )


def overview(known: KnownCluster, catalog: Catalog, now: datetime) -> dict[str, Any]:
    """Return a cluster as plain values, for JSON and for pages."""
    return glance(summary_of(known), catalog, now)


def glance(summary: Summary, catalog: Catalog, now: datetime) -> dict[str, Any]:
    """Return a cluster as plain values, for JSON and for pages; what was observed long ago is unknown by now."""
    services = _Services(summary.status, is_watched=is_watched(summary.status, now))
    newest, running = summary.backups.newest, summary.version
    return {
        "name": summary.name,
        "version": running,
        "topology": summary.topology,
        "standing": standing(summary, now),
        "services": {"healthy": services.healthy, "wanted": len(services.subjects)},
        "hosts": [
            {
                "name": one.name,
                "address": one.address,
                "roles": list(one.roles),
                "heard": summary.status.get("hosts", {}).get(one.name),
                "services": services.on(one.name),
            }
            for one in summary.hosts
        ],
        "addons": services.on(""),
        "findings": list(summary.status.get("findings", ())),
        "alerts": [{"key": key, "text": text} for key, text in summary.alerts.items()],
        "operation": _operation(summary.lease),
        "observed": summary.status.get("observed"),
        "backup": {
            "newest": str(newest) if newest else None,
            "taken": newest.time.isoformat() if newest else None,
            "age_seconds": int((now - newest.time).total_seconds()) if newest else None,
            "proven": str(summary.backups.proven) if summary.backups.proven else None,
            "count": summary.backups.count,
        },
        "upgrades": [release.version for release in catalog.upgrades_of(running)]
        if running in catalog.versions
        else [],
    }


def standing(summary: Summary, now: datetime) -> Standing:
    """Return how a cluster is, in a word or two; the worst of what is known."""
    if not summary.is_created:
        return BEING_CREATED
    if summary.alerts:
        return "needs help"
    if summary.lease is not None and summary.lease.operation == Operation.REMEDIATE:
        return "repairing"
    if not is_watched(summary.status, now):
        return "not watched"
    is_ill = any(one.get("status") == "unhealthy" for one in summary.status.get("subjects", ()))
    return "ill" if is_ill or summary.status.get("findings") else "healthy"


def is_watched(status: Mapping[str, Any], now: datetime) -> bool:
    """Say whether the watch wrote this so short a time ago that it still holds."""
    try:
        return now - datetime.fromisoformat(status["observed"]) < STALE
    except MALFORMED:
        return False


class _Services:
    """The components of a cluster as they were observed."""

    def __init__(self, status: Mapping[str, Any], *, is_watched: bool) -> None:
        self.subjects: Sequence[Mapping[str, Any]] = list(status.get("subjects", ()))
        self._is_watched = is_watched

    @property
    def healthy(self) -> int:
        """How many are."""
        return sum(self._status(one) == "healthy" for one in self.subjects)

    def on(self, host: str) -> dict[str, Any]:
        """Return the components on a host; those of the cluster as a whole, which are on none, for an empty name."""
        return {
            one["component"]: {
                "status": self._status(one),
                "since": one.get("since"),
                "evidence": one.get("evidence", ""),
                "seen_from": one.get("seen_from", []) or one.get("vantages", []),
            }
            for one in self.subjects
            if one.get("host") == host
        }

    def _status(self, one: Mapping[str, Any]) -> str:
        return str(one.get("status", "unknown")) if self._is_watched else "unknown"


def _operation(lease: Lease | None) -> dict[str, Any] | None:
    if lease is None:
        return None
    return {
        "operation": lease.operation,
        "dag_id": lease.owner.dag_id,
        "run_id": lease.owner.run_id,
        "since": lease.acquired.isoformat(),
        "heartbeat": lease.heartbeat.isoformat(),
        "can_be_paused": lease.owner.dag_id in ROLLOUTS,
    }


def _proven(backups: Backups) -> BundleId | None:
    """Return the newest bundle that a drill has restored."""
    return next((one for one in backups.bundles if backups.proven.get(str(one))), None)


def bundle_rows(backups: Backups, now: datetime) -> Sequence[dict[str, Any]]:
    """Return the bundles as plain values, newest first."""
    return [
        {
            "id": str(one),
            "taken": one.time.isoformat(),
            "age_seconds": int((now - one.time).total_seconds()),
            "revision": one.revision,
            "proven": backups.proven.get(str(one)),
        }
        for one in backups.bundles
    ]
