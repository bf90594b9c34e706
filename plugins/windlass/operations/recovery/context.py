"""What a recovery works with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from windlass.domain.pki import Pki
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import RemoteFile
from windlass.operations.cluster import ClusterSession


def ignore(_: str) -> None:
    """Report to nobody."""


def recovery_id(run_id: str) -> str:
    """Return the id of a run's recovery: the same at each try of its tasks."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class RecoveryContext:
    """One recovery: the hosts that come back, in a session of their own, and what they get."""

    id: str
    session: ClusterSession
    """Of the cluster reduced to the hosts that come back."""
    pki: Pki
    sealed: RemoteFile
    prepares_all: bool = False
    """Whether every host is prepared, as when versions or the set of hosts change; else only one that lost its own."""
    tell: Callable[[str], None] = field(default=ignore)

    @property
    def etcd_hosts(self) -> tuple[Host, ...]:
        """Return the hosts whose members are restored."""
        return self.session.cluster.hosts_with("etcd")

    def told(self, changes: dict[str, tuple[str, ...]]) -> None:
        """Report what was changed, host by host."""
        for host, changed in changes.items():
            if changed:
                self.tell(f"{host}: {', '.join(changed)}")
