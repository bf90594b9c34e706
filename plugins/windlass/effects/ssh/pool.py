"""One connection per host, kept for all that a task does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from windlass.effects.ssh.client import connect
from windlass.effects.ssh.connection import Connection, SshTarget
from windlass.effects.ssh.guard import ChangeGuard
from windlass.effects.ssh.host_keys import HostKey
from windlass.effects.ssh.login import CONNECT_TIMEOUT, RecordKey
from windlass.effects.ssh.sessions import Sessions
from windlass.effects.threads import worker_threads
from windlass.errors import RefusedError, UnreachableError

Connect = Callable[[SshTarget], Connection]


@runtime_checkable
class ShowsHostKeys(Protocol):
    """What opens connections and can show the key of a host before anybody trusts it."""

    def host_key(self, target: SshTarget) -> HostKey:
        """Return the key that a host shows now; UnreachableError if it shows none."""
        ...


_LONG = timedelta(seconds=3)
"""Only a time-out takes so long: of a host that answers nothing at all, or behind a firewall that drops."""


@dataclass(frozen=True)
class _Silence:
    """That a host did not answer, and until when that is taken to be so still, by the monotonic clock."""

    error: UnreachableError
    until: float


class SshConnector:
    """Opens SSH connections; hosts behind one bastion share the connection to it."""

    def __init__(self, record_key: RecordKey | None = None, timeout: timedelta = CONNECT_TIMEOUT) -> None:
        self._record_key = record_key
        self._timeout = timeout
        self._lock = threading.Lock()
        self._bastions: dict[SshTarget, Sessions] = {}

    def __call__(self, target: SshTarget) -> Connection:
        """Log in to a host."""
        bastion = self._bastion(target.bastion) if target.bastion else None
        return connect(target, record_key=self._record_key, timeout=self._timeout, bastion=bastion)

    def host_key(self, target: SshTarget) -> HostKey:
        """Return the key that a host shows now, which nobody has checked."""
        bastion = self._bastion(target.bastion) if target.bastion else None
        return Sessions(target, None, self._timeout, bastion).host_key()

    def close(self) -> None:
        """Close the connections to bastions."""
        for sessions in self._bastions.values():
            sessions.close()

    def _bastion(self, target: SshTarget) -> Sessions:
        with self._lock:
            return self._bastions.setdefault(target, Sessions(target, self._record_key, self._timeout, None))


class Connections:
    """The hosts of a task by name; each is connected to when it is first asked for, all are closed at the end.

    `connect` opens a connection to a target, by default `SshConnector()`; in tests it is a `fake.FakeHosts`.
    """

    def __init__(self, targets: Iterable[SshTarget], connect: Connect | None = None) -> None:
        self._targets = {target.name: target for target in targets}
        self._connector = SshConnector() if connect is None else connect
        self._lock = threading.Lock()
        self._host_locks = {name: threading.Lock() for name in self._targets}
        self._open: dict[str, Connection] = {}
        self._silent: dict[str, _Silence] = {}
        self._guard: ChangeGuard | None = None
        self._check: Callable[[Connection], None] | None = None

    def admit(self, check: Callable[[Connection], None]) -> None:
        """Have each connection looked at before anybody gets it; one that `check` raises for is closed again."""
        self._check = check

    @property
    def names(self) -> tuple[str, ...]:
        """The hosts, in the order given."""
        return tuple(self._targets)

    @property
    def connected(self) -> tuple[str, ...]:
        """The hosts that there is a connection to."""
        return tuple(self._open)

    def target(self, name: str) -> SshTarget:
        """Give a host's login, for a client of another kind."""
        return self._targets[name]

    def host_key(self, name: str) -> HostKey:
        """Return the key that a host shows now, which nobody has checked; UnreachableError if it shows none."""
        if not isinstance(self._connector, ShowsHostKeys):
            raise RefusedError(f"{name}: it is not reached by SSH, so that it shows no host key")
        return self._connector.host_key(self.target(name))

    def guard_changes(self, guard: ChangeGuard) -> None:
        """Have all connections that are made from now on send changes only as `guard` lets them."""
        self._guard = guard

    def renew(self, target: SshTarget) -> None:
        """Reach a host by another login from now on: it is another machine, with another host key."""
        with self._host_locks[target.name]:
            self._targets[target.name] = target
            self._silent.pop(target.name, None)
            old = self._open.pop(target.name, None)
        if old is not None:
            old.close()

    def get(self, name: str) -> Connection:
        """Give the connection to a host; raise what `connect` raises if there is none yet and it fails.

        Where it took long to find out that a host does not answer, the same is said for as long again: whoever asks
        all hosts one time after the other does not wait for that one each time.
        """
        with self._host_locks[name]:
            if name not in self._open:
                self._open[name] = self._connect(name)
            return self._open[name]

    def _connect(self, name: str) -> Connection:
        silence, began = self._silent.get(name), time.monotonic()
        if silence is not None and began < silence.until:
            raise UnreachableError(str(silence.error)) from silence.error
        try:
            connection = self._admitted(self._connector(self._targets[name]))
        except UnreachableError as error:
            now = time.monotonic()
            if now - began > _LONG.total_seconds():
                self._silent[name] = _Silence(error, now + (now - began))
            raise
        if self._guard is not None:
            connection.guard_changes(self._guard)
        return connection

    def _admitted(self, connection: Connection) -> Connection:
        try:
            if self._check is not None:
                self._check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close all connections, side by side as each may wait for its host."""
        with self._lock:
            connections, self._open = list(self._open.values()), {}
        if connections:
            with worker_threads(len(connections), "windlass-close") as pool:
                list(pool.map(lambda connection: connection.close(), connections))
        if isinstance(self._connector, SshConnector):
            self._connector.close()

    def __enter__(self) -> Self:
        """Give the connections themselves."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close them."""
        self.close()
