"""A stream over an SSH channel: a command's stdin and stdout, or a tunnel to a service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self

import paramiko

from windlass.domain.scripts.fence import overtaken_by, refusal
from windlass.effects.ssh.broken import BROKEN, close
from windlass.effects.ssh.connection import DEFAULT_TIMEOUT
from windlass.effects.ssh.exchange import CHUNK, watch
from windlass.effects.ssh.output import BoundedOutput
from windlass.errors import CommandError, CommandFailure, UnreachableError

STDERR_LIMIT = 64 * 1024


class SshChannel:
    """A duplex stream; stderr is read along the way and shown if the command fails."""

    def __init__(self, host: str, argv: Sequence[str], channel: paramiko.Channel, counter: int | None = None) -> None:
        self._host = host
        self._counter = counter
        self._argv = tuple(argv)
        self._channel = channel
        self._arrival = watch(channel)
        self._stderr = BoundedOutput(STDERR_LIMIT)

    def recv(self, size: int) -> bytes:
        """Wait for the next bytes; ``b""`` is the end, also when the connection is lost: `wait` tells them apart."""
        while True:
            is_over = self._channel.eof_received or self._channel.closed
            if self._channel.recv_stderr_ready():
                self._stderr.feed(self._channel.recv_stderr(CHUNK))
            elif self._channel.recv_ready():
                return self._channel.recv(size)
            elif is_over:
                return b""
            else:
                self._arrival.wait()

    def sendall(self, data: bytes) -> None:
        """Send all of `data`; raise `UnreachableError` if the other side is gone."""
        try:
            self._channel.sendall(data)
        except BROKEN as error:
            raise UnreachableError(f"{self._host}: {self._label()} takes no more input: {error}") from error

    def finish_input(self) -> None:
        """Send the end of the input."""
        try:
            self._channel.shutdown_write()
        except BROKEN as error:
            raise UnreachableError(f"{self._host}: {self._label()} is gone: {error}") from error

    def wait(self, timeout: timedelta = DEFAULT_TIMEOUT) -> None:
        """Wait for the command's end; raise `CommandError` unless it ended with 0."""
        if not self._channel.status_event.wait(timeout.total_seconds()):
            raise UnreachableError(f"{self._host}: {self._label()} has not ended within {timeout}; it may still run")
        code = self._channel.exit_status
        if code < 0:
            raise UnreachableError(f"{self._host}: the connection was lost while {self._label()} ran")
        if code > 0:
            while self._channel.recv_stderr_ready():
                self._stderr.feed(self._channel.recv_stderr(CHUNK))
            said = self._stderr.text()
            if self._counter is not None and (seen := overtaken_by(self._host, code, said)) is not None:
                raise refusal(self._host, self._counter, seen)
            raise CommandError(CommandFailure(self._host, self._argv, code, said))

    def close(self) -> None:
        """Drop the stream; one that reads it in another thread then sees the end."""
        close(self._channel)

    def __enter__(self) -> Self:
        """Give the stream itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close the stream."""
        self.close()

    def _label(self) -> str:
        return f"`{' '.join(self._argv)}`"
