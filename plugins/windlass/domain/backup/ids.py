"""The id of a recovery bundle: when it was taken, and the revision it holds, such as `20261123T074500Z-r1042`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import total_ordering

from windlass.errors import SpecError

_FORM = re.compile(r"(?P<time>[0-9]{8}T[0-9]{6}Z)-r(?P<revision>[0-9]{1,19})", re.ASCII)
_TIME = "%Y%m%dT%H%M%SZ"


@total_ordering
@dataclass(frozen=True)
class BundleId:
    """Ids sort by time, as values and (within four-digit years) as texts."""

    time: datetime
    """In UTC, to the second."""
    revision: int

    @classmethod
    def of(cls, time: datetime, revision: int) -> BundleId:
        """Return the id of a bundle that was taken at `time`."""
        return cls(time.astimezone(UTC).replace(microsecond=0), revision)

    @classmethod
    def find(cls, text: str) -> BundleId | None:
        """Return the id that `text` is, or None if it is none."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        try:
            time = datetime.strptime(found["time"], _TIME).replace(tzinfo=UTC)
        except ValueError:
            return None
        return cls(time, int(found["revision"]))

    @classmethod
    def parse(cls, text: str) -> BundleId:
        """Return the id that `text` is; SpecError if it is none."""
        found = cls.find(text)
        if found is None:
            raise SpecError(f"`{text}` is no id of a bundle; write it as the list shows it: 20261123T074500Z-r1042")
        return found

    def __str__(self) -> str:
        return f"{self.time:{_TIME}}-r{self.revision}"

    def __lt__(self, other: BundleId) -> bool:
        return (self.time, self.revision) < (other.time, other.revision)
