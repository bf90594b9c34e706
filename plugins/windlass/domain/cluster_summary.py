"""What of one cluster is shown among all the others: in so few words that those of many are read in one go."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from windlass.domain.backup.ids import BundleId
from windlass.domain.bounded import moment
from windlass.domain.lease import Lease
from windlass.domain.markdown import shortened
from windlass.domain.spec.access import AccessSection

_EVIDENCE = 300
"""Characters of why a component is unhealthy that are kept here; all of them are in the observation."""
_KEPT = ("host", "component", "status", "since")


@dataclass(frozen=True)
class HostLine:
    """A host of a cluster."""

    name: str
    address: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class BackupLine:
    """What there is of a cluster's backups."""

    count: int = 0
    newest: BundleId | None = None
    proven: BundleId | None = None
    """The newest one that a drill has restored."""
    recovery_seconds: float | None = None
    """How long that drill took."""


@dataclass(frozen=True)
class OperationTimes:
    """How long operations of one kind held a cluster."""

    count: int
    seconds: float
    """Of all of them."""
    last_seconds: float

    def with_another(self, seconds: float) -> OperationTimes:
        """Return them with one more."""
        return OperationTimes(self.count + 1, self.seconds + seconds, seconds)


@dataclass(frozen=True)
class Summary:
    """What the store knows of one cluster, at a glance."""

    name: str
    version: str
    topology: str
    hosts: Sequence[HostLine]
    access: AccessSection
    """Who may see it."""
    is_created: bool
    """Whether it was verified once: until then it is being created, whatever else is known of it."""
    status: Mapping[str, Any]
    """What the watch wrote last; empty if it never did."""
    lease: Lease | None
    """Of the operation that is under way."""
    alerts: Mapping[str, str]
    backups: BackupLine = field(default_factory=BackupLine)
    operations: Mapping[str, OperationTimes] = field(default_factory=dict)
    """Those that have ended, as far as summaries were written."""

    def value(self) -> dict[str, Any]:
        """Return it as plain values for the store."""
        backups = self.backups
        return {
            "version": self.version,
            "topology": self.topology,
            "hosts": [[one.name, one.address, list(one.roles)] for one in self.hosts],
            "roles": {name: list(rights) for name, rights in self.access.roles.items()},
            "created": self.is_created,
            "status": brief_status(self.status),
            "lease": None if self.lease is None else json.loads(self.lease.to_bytes()),
            "alerts": dict(self.alerts),
            "backups": {
                "count": backups.count,
                "newest": str(backups.newest) if backups.newest else None,
                "proven": str(backups.proven) if backups.proven else None,
                "recovery_seconds": backups.recovery_seconds,
            },
            "operations": {name: asdict(times) for name, times in self.operations.items()},
        }

    @classmethod
    def of(cls, name: str, value: Mapping[str, Any]) -> Summary:
        """Read what `value` gave; an error of `windlass.errors.MALFORMED` if it is not of that form."""
        lease, backups = value["lease"], value["backups"]
        return cls(
            name=name,
            version=value["version"],
            topology=value["topology"],
            hosts=tuple(HostLine(host, address, tuple(roles)) for host, address, roles in value["hosts"]),
            access=AccessSection(roles={role: tuple(rights) for role, rights in value["roles"].items()}),
            is_created=bool(value["created"]),
            status=dict(value["status"]),
            lease=None if lease is None else Lease.from_bytes(json.dumps(lease).encode()),
            alerts=dict(value["alerts"]),
            backups=BackupLine(
                int(backups["count"]),
                BundleId.find(backups["newest"] or ""),
                BundleId.find(backups["proven"] or ""),
                backups["recovery_seconds"],
            ),
            operations={operation: OperationTimes(**times) for operation, times in value["operations"].items()},
        )


def brief_status(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return an observation without what only a cluster's own page shows."""
    if not status:
        return {}
    subjects = [_brief_subject(one) for one in status.get("subjects", ())]
    kept = {name: status[name] for name in ("observed", "hosts", "findings", "certificates") if name in status}
    return {**kept, "subjects": subjects}


def _brief_subject(one: Mapping[str, Any]) -> dict[str, Any]:
    brief = {name: one.get(name) for name in _KEPT}
    if one.get("status") == "healthy":
        return brief
    evidence = shortened(str(one.get("evidence") or ""), _EVIDENCE)
    return {**brief, "evidence": evidence, "seen_from": one.get("seen_from") or one.get("vantages") or []}


def is_newer(status: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether an observation was made after another one, or there is no other."""
    if not other.get("observed"):
        return bool(status.get("observed"))
    return bool(status.get("observed")) and moment(status["observed"]) > moment(other["observed"])


def says_the_same(status: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two observations say the same of everything but when: times move by what clocks are apart."""
    return _said(status) == _said(other)


def _said(status: Mapping[str, Any]) -> tuple[Any, ...]:
    subjects = [(one.get("host"), one.get("component"), one.get("status")) for one in status.get("subjects", ())]
    findings = [(one.get("host"), one.get("component"), one.get("kind")) for one in status.get("findings", ())]
    return status.get("hosts"), subjects, findings


def age_of(status: Mapping[str, Any], now: datetime) -> float | None:
    """Return how many seconds ago an observation was made; None if there is none."""
    return (now - moment(status["observed"])).total_seconds() if status.get("observed") else None
