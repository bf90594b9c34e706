"""The SSH connections behind one host: opened when needed, opened again once when they died, shared by all channels."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import paramiko

from windlass.domain.addresses import host_port
from windlass.effects.ssh.broken import BROKEN, ChannelSocket
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.host_keys import HostKey
from windlass.effects.ssh.login import RecordKey, dial, log_in, show_host_key
from windlass.errors import RefusedError, UnreachableError

MAX_SESSIONS = 10
"""How many commands run at once over one connection: what sshd allows by default (MaxSessions)."""

MAX_TRANSPORTS = 8
"""How many connections to one host there are at most; more than one only where `MAX_SESSIONS` is too few."""


@dataclass
class _Slot:
    """Room for one session, taken while it is being opened and until it is closed."""

    channel: paramiko.Channel | None = None

    @property
    def is_taken(self) -> bool:
        return self.channel is None or not self.channel.closed


class _Transport:
    """One SSH connection and the sessions that use it."""

    def __init__(self, transport: paramiko.Transport, timeout: timedelta) -> None:
        self._transport = transport
        self._seconds = timeout.total_seconds()
        self._lock = threading.Lock()
        self._slots: list[_Slot] = []

    @property
    def is_live(self) -> bool:
        return self._transport.is_active()

    def close(self) -> None:
        self._transport.close()
        # A transport that ended by itself does not close it.
        self._transport.sock.close()

    def session(self) -> paramiko.Channel | None:
        """Give a session, or None where this connection is used up or dead."""
        slot = _Slot()
        with self._lock:
            self._slots = [other for other in self._slots if other.is_taken]
            if len(self._slots) >= MAX_SESSIONS:
                return None
            self._slots.append(slot)
        slot.channel = self._ask(lambda: self._transport.open_session(timeout=self._seconds))
        if slot.channel is None:
            with self._lock:
                self._slots.remove(slot)
        return slot.channel

    def tunnel(self, host: str, port: int) -> paramiko.Channel | None:
        """Give a channel to a service that the host reaches, or None where it refuses or the connection is dead."""
        return self._ask(
            lambda: self._transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=self._seconds)
        )

    def _ask(self, ask: Callable[[], paramiko.Channel]) -> paramiko.Channel | None:
        if not self.is_live:
            return None
        begun = time.monotonic()
        try:
            return ask()
        except BROKEN:
            # The type does not tell a refusal from a failure: paramiko shows concurrent refusals to one thread only.
            if time.monotonic() - begun >= self._seconds:
                self._transport.close()
            return None


class Sessions:
    """Gives fresh channels to a host. Nothing was sent on a channel yet, so trying again is safe here and only here."""

    def __init__(
        self, target: SshTarget, record_key: RecordKey | None, timeout: timedelta, via: Sessions | None
    ) -> None:
        self._target = target
        self._record_key = record_key
        self._timeout = timeout
        self._via = via
        self._lock = threading.Lock()
        self._transports: list[_Transport] = []
        self._is_closed = False

    def open(self) -> None:
        """Log in unless a live connection is there."""
        self._any()

    def session(self) -> paramiko.Channel:
        """Give a channel for one command."""
        tried = list(self._transports)
        for transport in tried:
            if channel := transport.session():
                return channel
        # One thread at a time makes a new connection; the others find it.
        with self._lock:
            for transport in self._live():
                if transport not in tried and (channel := transport.session()):
                    return channel
            if channel := self._add().session():
                return channel
        raise UnreachableError(
            f"{self._target.name}: sshd opens no session even on a new connection; "
            "check MaxSessions and the load on the host"
        )

    def tunnel(self, host: str, port: int) -> paramiko.Channel:
        """Give a channel to a service as the host sees it."""
        for _ in range(2):
            transport = self._any()
            if channel := transport.tunnel(host, port):
                return channel
            if transport.is_live:
                break
        raise UnreachableError(
            f"{self._target.name}: {host_port(host, port)} cannot be reached from there; "
            "check that the service listens, and that sshd allows forwarding (AllowTcpForwarding)"
        )

    def close(self) -> None:
        """Close every connection and give no more channels."""
        with self._lock:
            self._is_closed = True
            transports, self._transports = self._transports, []
        for transport in transports:
            transport.close()

    def _any(self) -> _Transport:
        with self._lock:
            return next(iter(self._live()), None) or self._add()

    def _live(self) -> list[_Transport]:
        for transport in self._transports:
            if not transport.is_live:
                transport.close()
        self._transports = [transport for transport in self._transports if transport.is_live]
        return self._transports

    def _add(self) -> _Transport:
        if self._is_closed:
            raise UnreachableError(f"{self._target.name}: this connection was closed; ask for a new one")
        if len(self._transports) >= MAX_TRANSPORTS:
            raise RefusedError(f"{self._target.name}: too many commands at once; close channels that are not needed")
        record = self._record if self._record_key else None
        transport = _Transport(log_in(self._target, self._dial(), record, self._timeout), self._timeout)
        self._transports = [*self._transports, transport]
        return transport

    def host_key(self) -> HostKey:
        """Return the key that the host shows now, unchecked; on a connection of its own, by which nobody logs in."""
        return show_host_key(self._target, self._dial(), self._timeout)

    def _dial(self) -> socket.socket | ChannelSocket:
        if self._via is None:
            return dial(self._target, self._timeout)
        return ChannelSocket(self._via.tunnel(self._target.address, self._target.port))

    def _record(self, target: SshTarget, line: str) -> None:
        """Hand on a key that was trusted on first use, and trust only it from now on."""
        if self._record_key is not None:
            self._record_key(target, line)
        self._target = replace(target, known_hosts=(*target.known_hosts, line))
