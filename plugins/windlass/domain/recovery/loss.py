"""What a recovery loses: all that was written after the bundle, in time and, where it can be read, in revisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class DataLoss:
    """The window between a bundle and now."""

    bundle: str
    taken: datetime
    revision: int
    now: datetime
    live_revision: int | None
    """The newest revision that any member could still tell; None if none could."""

    @property
    def age(self) -> str:
        """Say how long ago the bundle was taken: `5 min`."""
        return _span(self.now - self.taken)

    @property
    def revisions(self) -> int | None:
        """How many revisions are lost; None if nobody can tell."""
        return None if self.live_revision is None else max(self.live_revision - self.revision, 0)

    def __str__(self) -> str:
        since = f"bundle {self.bundle} was taken at {self.taken:%Y-%m-%d %H:%M:%S} UTC, {self.age} ago"
        if self.revisions is None:
            told = "the live data cannot be read, and whatever was written since is lost"
        else:
            loss = f"{self.revisions} revisions after that are lost" if self.revisions else "nothing is lost"
            told = f"a member still tells revision {self.live_revision}: {loss}"
        return f"{since}, at revision {self.revision}; {told}"


def _span(span: timedelta) -> str:
    seconds = max(int(span.total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
