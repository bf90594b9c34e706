"""The streams of a fake host: real sockets within this process, served by functions."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self

from windlass.effects.ssh.connection import DEFAULT_TIMEOUT
from windlass.errors import CommandError, CommandFailure, UnreachableError

StreamHandler = Callable[[socket.socket], "int | None"]
"""Serves the far end of a stream and gives an exit code; nothing means 0."""


class FakeStream:
    """A stream over a socket; see `Channel`."""

    def __init__(self, host: str, argv: Sequence[str], near: socket.socket, stderr: str = "") -> None:
        self._host = host
        self._argv = tuple(argv)
        self._near = near
        self._exit_code: int | None = 0
        self._stderr = stderr
        self._server: threading.Thread | None = None

    @classmethod
    def served(cls, host: str, argv: Sequence[str], handler: StreamHandler, stderr: str = "") -> FakeStream:
        """Give a stream whose far end `handler` serves in a thread."""
        near, far = socket.socketpair()
        stream = cls(host, argv, near, stderr)
        stream._server = threading.Thread(target=stream._serve, args=(handler, far), daemon=True)
        stream._server.start()
        return stream

    @classmethod
    def printed(cls, host: str, argv: Sequence[str], result: tuple[int, bytes, str]) -> FakeStream:
        """Give the stream of a command that prints and ends."""
        code, out, err = result

        def print_all(far: socket.socket) -> int:
            far.sendall(out)
            return code

        return cls.served(host, argv, print_all, err)

    def recv(self, size: int) -> bytes:
        """Wait for the next bytes; ``b""`` is the end."""
        try:
            return self._near.recv(size)
        except OSError:
            return b""

    def sendall(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._near.sendall(data)
        except OSError as error:
            raise UnreachableError(f"{self._host}: `{' '.join(self._argv)}` takes no more input: {error}") from error

    def finish_input(self) -> None:
        """Send the end of the input."""
        with contextlib.suppress(OSError):
            self._near.shutdown(socket.SHUT_WR)

    def wait(self, timeout: timedelta = DEFAULT_TIMEOUT) -> None:
        """Wait for the end; raise `CommandError` unless the handler gave 0."""
        if self._server:
            self._server.join(timeout.total_seconds())
            if self._server.is_alive():
                words = " ".join(self._argv)
                raise UnreachableError(f"{self._host}: `{words}` has not ended within {timeout}; it may still run")
        if self._exit_code:
            raise CommandError(CommandFailure(self._host, self._argv, self._exit_code, self._stderr))

    def close(self) -> None:
        """Drop the stream."""
        # Wakes one that waits in recv; closing alone would not.
        with contextlib.suppress(OSError):
            self._near.shutdown(socket.SHUT_RDWR)
        self._near.close()

    def __enter__(self) -> Self:
        """Give the stream itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close the stream."""
        self.close()

    def _serve(self, handler: StreamHandler, far: socket.socket) -> None:
        with far, contextlib.suppress(OSError):
            self._exit_code = handler(far) or 0
