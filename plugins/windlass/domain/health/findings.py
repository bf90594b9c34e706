"""Findings: what is wrong, since when, who saw it; the words in which health speaks to repair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from windlass.domain.bounded import moment, shown
from windlass.errors import MALFORMED, IntegrityError


class Kind(Enum):
    """What is wrong."""

    PROCESS_DOWN = "process_down"
    """The host is up, the component on it is not."""
    HOST_DOWN = "host_down"
    """Nothing of the host answers anybody, Airflow neither; `component` is `host`."""
    NETWORK_CUT = "network_cut"
    """Others cannot reach it, but the host itself says that the component is healthy."""
    CERTIFICATE_INVALID = "certificate_invalid"
    """The component answers with a certificate that is expired or not the right one."""
    UNIT_DOWN = "unit_down"
    """A systemd unit of the host is not active: docker, windlass-containerd or kubelet."""
    NODE_NOT_READY = "node_not_ready"
    """Kubernetes calls the node not ready."""
    DISK_FULL = "disk_full"
    """A file system that Windlass writes to has too little room."""
    CLOCK_OFF = "clock_off"
    """The host's clock is off."""
    CERTIFICATE_EXPIRING = "certificate_expiring"
    """A certificate on the host has less than a third of its life left, or is about to run out."""
    AUTHORITY_EXPIRING = "authority_expiring"
    """The certificate of an authority on the host runs out: the cluster has to be moved to another one before."""
    BACKUP_OLD = "backup_old"
    """The newest bundle is older than the schedule allows; `host` is empty, `component` is `backup`."""
    LEFT_HOST = "left_host"
    """A host that left the cluster while it did not answer is back, and not clean; `component` is its name."""
    ADDON_UNAVAILABLE = "addon_unavailable"
    """An object of one of the cluster's own services is missing, or its pods are not available; `host` is empty."""
    VIRTUAL_ADDRESS = "virtual_address"
    """No host holds the API's virtual address, or more than one does; `host` is empty."""


HOST_COMPONENT = "host"
"""What `component` says where a whole host is meant."""


TOLD_WHEN_OVER = frozenset(
    {Kind.HOST_DOWN, Kind.NETWORK_CUT, Kind.DISK_FULL, Kind.CLOCK_OFF, Kind.BACKUP_OLD, Kind.CERTIFICATE_INVALID}
)
"""Kinds whose end is announced too: repair can end none of them, and has to look at what they left behind."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a cluster, told once until it is over."""

    cluster: str
    host: str
    component: str
    kind: Kind
    since: datetime
    """When the first of the failed looks ended."""
    seen_from: tuple[str, ...]
    """The vantage points that agree: names of hosts, `airflow`, or the host itself."""
    evidence: str
    """What they saw, in one line."""
    failed_checks: int = 0
    """How many looks in a row had failed at the vantage point that saw the most."""
    is_over: bool = False
    """Whether this tells that it is over; of the same trouble it has the same id."""

    @property
    def id(self) -> str:
        """The finding's name: of the same trouble it stays the same, whoever watches."""
        since = self.since.astimezone(UTC)
        return f"{self.cluster}.{self.host or '-'}.{self.component}.{self.kind.value}.{since:%Y%m%dT%H%M%SZ}"

    @property
    def key(self) -> tuple[str, str, Kind]:
        """What it is about: host, component and kind. Two open findings never share it."""
        return (self.host, self.component, self.kind)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            **self.__dict__,
            "id": self.id,
            "kind": self.kind.value,
            "since": self.since.astimezone(UTC).isoformat(),
            "seen_from": list(self.seen_from),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Finding:
        """Read what `to_dict` gave; IntegrityError if it is not of that form. Fields of later versions are left."""
        try:
            known = {key: value for key, value in values.items() if key in cls.__dataclass_fields__}
            known["kind"] = Kind(known["kind"])
            known["since"] = moment(known["since"])
            known["seen_from"] = tuple(known["seen_from"])
            return cls(**known)
        except MALFORMED as error:
            raise IntegrityError(
                f"a finding is not readable: {shown(error)}; look at the cluster's status again"
            ) from error
