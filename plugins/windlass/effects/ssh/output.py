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


class LineCutter:
    """Cuts a stream of bytes into lines; the cost grows with the bytes alone, in however many pieces they come."""

    def __init__(self) -> None:
        self._rest = bytearray()

    @property
    def rest_bytes(self) -> int:
        """How many bytes have come since the last line end."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream; return the lines that end in them."""
        first, *others = data.split(b"\n")
        self._rest += first  # what is kept is not copied for each piece that comes
        if not others:
            return []
        lines = [self.finish(), *others[:-1]]
        self._rest += others[-1]
        return lines

    def finish(self) -> bytes:
        """Return what came after the last line end, and begin anew."""
        rest, self._rest = bytes(self._rest), bytearray()
        return rest


class Lines:
    """Hands each line of a stream to a callback as soon as it is complete."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._cutter = LineCutter()

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        for line in self._cutter.feed(data):
            self._emit(line)
        if self._cutter.rest_bytes > LINE_LIMIT:
            self.finish()

    def finish(self) -> None:
        """Hand on what came after the last line end."""
        if rest := self._cutter.finish():
            self._emit(rest)

    def _emit(self, line: bytes) -> None:
        self._on_line(line.removesuffix(b"\r").decode("utf-8", "replace"))
