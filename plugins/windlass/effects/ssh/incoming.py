"""What a host sends over a command that is never waited for: in lines, of bounded length, at a bounded pace.

All clusters are watched from one event loop. A host that sends more than it should, or a line without an end, must
take from it neither time nor memory that the others need.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from windlass.effects.ssh.output import LineCutter

LONGEST_LINE = 16 * 1024
"""Bytes; the longest that a probe loop says is an error of its own, of a few hundred."""
LINES_AT_ONCE, BYTES_AT_ONCE = 256, 256 * 1024
"""What is taken from one host at a time. 5,000 nodes that are told at once take a second."""
REST_SECONDS = 0.05
"""How long a host that sends more than that is not listened to, while the others are."""


class LineTooLongError(Exception):
    """More than `LONGEST_LINE` bytes came without a line end."""


class Pausable(Protocol):
    """Where the bytes come from: an SSH channel, whose window makes the host wait while nothing is read."""

    def pause_reading(self) -> None:
        """Give nothing more for now."""
        ...

    def resume_reading(self) -> None:
        """Go on."""
        ...


class Incoming:
    """Hands on the lines of one host. All its methods belong to the event loop's thread."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._cutter = LineCutter()
        self._waiting: deque[bytes] = deque()
        self._taken_lines = self._taken_bytes = 0
        self._rest: asyncio.TimerHandle | None = None
        self._is_over = False

    def feed(self, data: bytes, source: Pausable) -> None:
        """Take the next bytes; LineTooLongError if they belong to a line that is too long."""
        lines = self._cutter.feed(data)
        self._waiting += lines
        if self._cutter.rest_bytes > LONGEST_LINE or any(len(line) > LONGEST_LINE for line in lines):
            raise LineTooLongError
        self.count(len(data), source)

    def count(self, size: int, source: Pausable) -> None:
        """Count bytes that came, be they kept or not, and hand on the lines that may be by now."""
        self._taken_bytes += size
        while self._waiting and self._taken_lines < LINES_AT_ONCE and not self._is_over:
            self._taken_lines += 1
            self._on_line(self._waiting.popleft().decode(errors="replace"))
        if self._rest is None and not self._is_over and (self._waiting or self._taken_bytes > BYTES_AT_ONCE):
            source.pause_reading()
            self._rest = asyncio.get_running_loop().call_later(REST_SECONDS, self._go_on, source)

    def stop(self) -> None:
        """Hand on nothing more."""
        self._is_over = True
        self._waiting.clear()
        if self._rest is not None:
            self._rest.cancel()

    def _go_on(self, source: Pausable) -> None:
        self._rest = None
        self._taken_lines = self._taken_bytes = 0
        self.count(0, source)
        if self._rest is None and not self._is_over:
            source.resume_reading()
