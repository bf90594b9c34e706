"""What a benchmark gives back: figures with their runs, their bars and their peers."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bar:
    """What was promised: the value shall be below `limit`, or may also equal it."""

    limit: float
    may_equal: bool = False

    def is_met_by(self, value: float) -> bool:
        """Tell whether `value` keeps the promise."""
        return value <= self.limit if self.may_equal else value < self.limit

    def __str__(self) -> str:
        return f"{'at most' if self.may_equal else 'below'} {self.limit:g}"


@dataclass(frozen=True)
class Peer:
    """Something else that does the same, measured in the same run on the same machine."""

    name: str
    runs: tuple[float, ...]

    @property
    def value(self) -> float:
        """The median of its runs."""
        return statistics.median(self.runs)


@dataclass(frozen=True)
class Figure:
    """One promised figure: smaller is better."""

    name: str
    unit: str
    runs: tuple[float, ...]
    bar: Bar | None = None
    peer: Peer | None = None

    @property
    def value(self) -> float:
        """The median of all runs."""
        return statistics.median(self.runs)

    @property
    def ratio(self) -> float | None:
        """The value in terms of the peer's; None without a peer, or if the peer took no time at all."""
        if self.peer is None or self.peer.value == 0:
            return None
        return self.value / self.peer.value

    @property
    def agreement(self) -> str:
        """`met`, `not met`, or nothing where no bar was set."""
        if self.bar is None:
            return ""
        return "met" if self.bar.is_met_by(self.value) else "not met"

    def entry(self, date: str, machine: str) -> dict[str, Any]:
        """Return this figure as an entry of results.json."""
        return {
            "name": self.name,
            "value": _rounded(self.value),
            "unit": self.unit,
            "peer": self.peer.name if self.peer else None,
            "peer_value": _rounded(self.peer.value) if self.peer else None,
            "ratio": _rounded(self.ratio),
            "runs": [_rounded(run) for run in self.runs],
            "date": date,
            "machine": machine,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
