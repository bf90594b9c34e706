"""What a remediation run works with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Protocol

from windlass.domain.host.host_checks import HostChecks, host_checks
from windlass.domain.pki import Pki
from windlass.domain.remediation import History
from windlass.domain.remediation.notes import Note
from windlass.domain.remediation.triggers import MonitorReports
from windlass.effects.ssh.connection import RemoteFile
from windlass.errors import RefusedError
from windlass.operations.cluster import ClusterSession


class Machines(Protocol):
    """The machines of the cluster, as far as a provider makes them."""

    @property
    def makes_hosts(self) -> bool:
        """Whether a provider makes the hosts."""
        ...

    def gone(self) -> frozenset[str]:
        """Return the hosts of which there is no running machine; none where hosts are made by others."""
        ...

    def make(self, host: str) -> None:
        """Make or start what is gone, and forget the SSH key by which the old machine was known."""
        ...


class NoMachines:
    """Hosts that somebody else makes: none is known to be gone."""

    makes_hosts = False

    def gone(self) -> frozenset[str]:
        """Return none."""
        return frozenset()

    def make(self, host: str) -> None:
        """Refuse."""
        raise RefusedError(f"{host}: its provider makes no hosts")


class Keyring:
    """The cluster's PKI, read when it is first needed, since most actions need no key; and the way to renew it."""

    def __init__(self, load: Callable[[], Pki], store: Callable[[Pki], RemoteFile]) -> None:
        self._load = load
        self._store = store
        self._pki: Pki | None = None

    @property
    def pki(self) -> Pki:
        """The PKI as it is now."""
        if self._pki is None:
            self._pki = self._load()
        return self._pki

    def renew(self, pki: Pki) -> RemoteFile:
        """Store `pki` as the cluster's, and return it sealed, as hosts keep it; the same one again is harmless."""
        self._pki = pki
        return self._store(pki)


@dataclass(frozen=True)
class RemediationContext:
    """One run on one cluster: where it acts, with whose keys, and where it writes what it does."""

    session: ClusterSession
    keyring: Keyring
    report: Callable[[Note], None]
    """Writes a line to the service log, and notifies people of it if it has a key."""
    machines: Machines = field(default_factory=NoMachines)
    rollout: str = ""
    """What rollout of the cluster has begun and not ended, in words."""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    check_host: Callable[[str, str | None], None] = field(default=lambda _host, _marks: None)
    """Raises if a host, by what its facts say of the store, was given something newer than the store has."""

    @cached_property
    def desired(self) -> Mapping[str, HostChecks]:
        """What belongs on each host."""
        return host_checks(self.session.cluster, self.session.release)

    @property
    def keys(self) -> Pki:
        """The cluster's PKI."""
        return self.keyring.pki


@dataclass(frozen=True)
class RunCallbacks:
    """What a run asks of whoever has started it."""

    save: Callable[[History], None]
    heartbeat: Callable[[], object]
    """Renews the cluster's lease; raises if the run has lost it."""
    monitor: Callable[[], MonitorReports | None] = field(default=lambda: None)
    """Returns what the monitor has found by now; None where that is what the run began with."""
    pause: Callable[[float], None] = time.sleep
    """Waits so many seconds."""
