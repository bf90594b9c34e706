"""What is kept of a command's output while it streams by."""

from __future__ import annotations

from collections.abc import Callable

from windlass.effects.ssh.connection import OUTPUT_LIMIT

LINE_LIMIT = 64 * 1024
"""A line longer than this is handed on in pieces."""


class BoundedOutput:
    """Keeps the first and the last half of `limit` bytes of a stream."""

    def __init__(self, limit: int = OUTPUT_LIMIT) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self.dropped_bytes = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        room = self._half - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        # Cut only when twice too long, so that the cost stays linear.
        if len(self._tail) > 2 * self._half:
            self._cut()

    def text(self) -> str:
        """Give what was kept, with a note in place of what was dropped."""
        self._cut()
        head = self._head.decode("utf-8", "replace")
        tail = self._tail.decode("utf-8", "replace")
        note = f"\n[{self.dropped_bytes} bytes dropped]\n" if self.dropped_bytes else ""
        if not note:
            return (self._head + self._tail).decode("utf-8", "replace")
        return head + note + tail

    def _cut(self) -> None:
        surplus = len(self._tail) - self._half
        if surplus > 0:
            del self._tail[:surplus]
            self.dropped_bytes += surplus


class Lines:
    """Cuts a stream of bytes into lines and hands each to a callback as soon as it is complete."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._emit(line)
        if len(self._rest) > LINE_LIMIT:
            self.finish()

    def finish(self) -> None:
        """Hand on what came after the last line end."""
        if self._rest:
            self._emit(self._rest)
            self._rest = b""

    def _emit(self, line: bytes) -> None:
        self._on_line(line.removesuffix(b"\r").decode("utf-8", "replace"))
