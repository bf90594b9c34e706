"""The death of the process that runs a task, at any boundary between two steps."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


class Killed(BaseException):
    """The process is gone. No `except Exception` holds it up, as none holds up SIGKILL."""


@dataclass(frozen=True)
class Boundary:
    """The moment before a step: the `number`th that is taken at a place, such as a host, the store or the API."""

    place: str
    number: int

    def __str__(self) -> str:
        return f"{self.place}:{self.number}"


@dataclass
class Boundaries:
    """Counts the steps by place; at `end_at` the process dies, and with it whatever it does elsewhere."""

    end_at: Boundary | None = None
    counts: Counter[str] = field(default_factory=Counter)
    is_dead: bool = False
    watch: Callable[[Boundary], None] = lambda _: None
    """Called before each step, unless the process is dead."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def cross(self, place: str) -> None:
        """Take a step, unless the process dies before it."""
        if not self.is_dead:
            self.watch(Boundary(place, self.counts[place] + 1))
        with self._lock:
            if not self.is_dead:
                self.counts[place] += 1
                self.is_dead = Boundary(place, self.counts[place]) == self.end_at
            if self.is_dead:
                raise Killed(str(self.end_at))

    def begin(self, end_at: Boundary | None = None) -> None:
        """Begin a new process and a new count; it dies at `end_at`, if that is given and it comes there."""
        self.counts.clear()
        self.is_dead, self.end_at = False, end_at

    def all(self) -> Iterable[Boundary]:
        """Give every boundary that was crossed."""
        return [Boundary(place, n) for place, count in sorted(self.counts.items()) for n in range(1, count + 1)]
