"""The SSH connections behind one host: opened when needed, opened again once when they died, shared by all channels."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import paramiko

from windlass.effects.transport.connection import SshTarget
from windlass.effects.transport.login import RecordKey, dial, log_in
from windlass.errors import RefusedError, UnreachableError

MAX_TRANSPORTS = 8
"""sshd allows ten sessions on one connection (MaxSessions); further connections are opened only beyond that."""

_BROKEN = (paramiko.SSHException, EOFError, OSError)


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
        self._transports: list[paramiko.Transport] = []
        self._is_closed = False

    def open(self) -> None:
        """Log in unless a live connection is there."""
        with self._lock:
            if not self._live():
                self._add()

    def session(self) -> paramiko.Channel:
        """Give a channel for one command."""
        return self._channel(lambda transport: transport.open_session(timeout=self._timeout.total_seconds()))

    def tunnel(self, host: str, port: int) -> paramiko.Channel:
        """Give a channel to a service as the host sees it."""

        def reach(transport: paramiko.Transport) -> paramiko.Channel:
            try:
                seconds = self._timeout.total_seconds()
                return transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=seconds)
            except paramiko.ChannelException as error:
                raise UnreachableError(
                    f"{self._target.name}: {host}:{port} cannot be reached from there: {error}; "
                    "check that the service listens, and that sshd allows forwarding (AllowTcpForwarding)"
                ) from error

        return self._channel(reach)

    def close(self) -> None:
        """Close every connection and give no more channels."""
        with self._lock:
            self._is_closed = True
            transports, self._transports = self._transports, []
        for transport in transports:
            transport.close()

    def _channel(self, ask: Callable[[paramiko.Transport], paramiko.Channel]) -> paramiko.Channel:
        tried = list(self._transports)
        for transport in tried:
            if channel := _ask(transport, ask):
                return channel
        # One thread at a time makes a new connection; the others find it.
        with self._lock:
            fresh = [transport for transport in self._live() if transport not in tried]
            for transport in fresh or [self._add()]:
                if channel := _ask(transport, ask):
                    return channel
        raise UnreachableError(
            f"{self._target.name}: sshd opens no session even on a new connection; "
            "check MaxSessions and the load on the host"
        )

    def _live(self) -> list[paramiko.Transport]:
        self._transports = [transport for transport in self._transports if transport.is_active()]
        return self._transports

    def _add(self) -> paramiko.Transport:
        if self._is_closed:
            raise UnreachableError(f"{self._target.name}: this connection was closed; ask for a new one")
        if len(self._transports) >= MAX_TRANSPORTS:
            raise RefusedError(f"{self._target.name}: too many commands at once; close channels that are not needed")
        record = self._record if self._record_key else None
        transport = log_in(self._target, self._dial(), record, self._timeout)
        self._transports = [*self._transports, transport]
        return transport

    def _dial(self) -> socket.socket | paramiko.Channel:
        if self._via is None:
            return dial(self._target, self._timeout)
        return self._via.tunnel(self._target.address, self._target.port)

    def _record(self, target: SshTarget, line: str) -> None:
        """Hand on a key that was trusted on first use, and trust only it from now on."""
        if self._record_key is not None:
            self._record_key(target, line)
        self._target = replace(target, known_hosts=(*target.known_hosts, line))


def _ask(
    transport: paramiko.Transport, ask: Callable[[paramiko.Transport], paramiko.Channel]
) -> paramiko.Channel | None:
    """Give a channel, or None where this connection is used up or dead."""
    if not transport.is_active():
        return None
    try:
        return ask(transport)
    except paramiko.ChannelException:
        return None
    except _BROKEN:
        transport.close()
        return None
