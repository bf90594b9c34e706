"""A cluster at a glance: what the pages, the API and the command show; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from windlass.domain.apply.created import BEING_CREATED
from windlass.domain.backup.ids import BundleId
from windlass.domain.catalog import Catalog
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


def overview(known: KnownCluster, catalog: Catalog, now: datetime) -> dict[str, Any]:
    """Return a cluster as plain values, for JSON and for pages."""
    cluster, subjects = known.cluster, list(known.status.get("subjects", ()))
    newest = known.backups.bundles[0] if known.backups.bundles else None
    healthy = sum(one.get("status") == "healthy" for one in subjects)
    running = cluster.spec.kubernetes.version
    return {
        "name": cluster.name,
        "version": running,
        "topology": topology(cluster),
        "standing": standing(known, now),
        "services": {"healthy": healthy, "wanted": len(subjects)},
        "hosts": [_host(known, host.name, host.address, list(host.roles)) for host in cluster.spec.hosts.members],
        "addons": _services(known, ""),
        "findings": list(known.status.get("findings", ())),
        "alerts": [{"key": key, "text": text} for key, text in known.alerts.items()],
        "operation": _operation(known.lease),
        "observed": known.status.get("observed"),
        "backup": {
            "newest": str(newest) if newest else None,
            "taken": newest.time.isoformat() if newest else None,
            "age_seconds": int((now - newest.time).total_seconds()) if newest else None,
            "proven": _proven(known.backups),
            "count": len(known.backups.bundles),
        },
        "upgrades": [release.version for release in catalog.upgrades_of(running)]
        if running in catalog.versions
        else [],
    }


def standing(known: KnownCluster, now: datetime) -> Standing:
    """Return how a cluster is, in a word or two; the worst of what is known."""
    if not known.is_created:
        return BEING_CREATED
    if known.alerts:
        return "needs help"
    if known.lease is not None and known.lease.operation == Operation.REMEDIATE:
        return "repairing"
    if not is_watched(known.status, now):
        return "not watched"
    is_ill = any(one.get("status") == "unhealthy" for one in known.status.get("subjects", ()))
    return "ill" if is_ill or known.status.get("findings") else "healthy"


def is_watched(status: Mapping[str, Any], now: datetime) -> bool:
    """Say whether the watch wrote this so short a time ago that it still holds."""
    try:
        return now - datetime.fromisoformat(status["observed"]) < STALE
    except MALFORMED:
        return False


def _host(known: KnownCluster, name: str, address: str, roles: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "address": address,
        "roles": roles,
        "heard": known.status.get("hosts", {}).get(name),
        "services": _services(known, name),
    }


def _services(known: KnownCluster, host: str) -> dict[str, Any]:
    """Return the components on a host; those of the cluster as a whole, which are on none, for an empty name."""
    return {
        one["component"]: {
            "status": one.get("status", "unknown"),
            "since": one.get("since"),
            "evidence": one.get("evidence", ""),
            "seen_from": one.get("seen_from", []) or one.get("vantages", []),
        }
        for one in known.status.get("subjects", ())
        if one.get("host") == host
    }


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


def _proven(backups: Backups) -> str | None:
    """Return the newest bundle that a drill has restored."""
    return next((str(one) for one in backups.bundles if backups.proven.get(str(one))), None)


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
