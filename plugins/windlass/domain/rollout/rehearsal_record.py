"""The record of a rehearsal: what an upgrade to a release would stumble over, as it was tried on a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, ValidationError

from windlass.domain.rollout.gate import GateFinding, GateLevel
from windlass.errors import IntegrityError
from windlass.operation_names import Operation

_FRESH = timedelta(days=1)
_FEW = 5
MOST = 200
"""Defects that are kept of one rehearsal; more are counted."""


class Defect(BaseModel):
    """One thing that the target does not take as it is."""

    model_config = ConfigDict(frozen=True, strict=True)

    what: str
    """The object, or what else it is about."""
    owner: str
    """Who put it there, as far as that can be told."""
    why: str

    def __str__(self) -> str:
        return f"{self.what}{f' (of {self.owner})' if self.owner else ''}: {self.why}"


class RehearsalRecord(BaseModel):
    """One rehearsal with one bundle."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    cluster: str
    bundle: str
    running: str
    target: str
    host: str
    by: str
    started: datetime
    finished: datetime
    milliseconds: Mapping[str, int]
    objects: int
    """How many stored objects were read through the target's API and written back, without being kept."""
    defects: tuple[Defect, ...]
    more_defects: int = 0
    untried: tuple[str, ...] = ()
    """What cannot be tried without the cluster, and why."""

    @property
    def count(self) -> int:
        """Return how many defects there are."""
        return len(self.defects) + self.more_defects

    @property
    def text(self) -> str:
        """Say it in one line."""
        found = f"{self.count} defects" if self.count else "no defect"
        return f"{self.target} on bundle {self.bundle}: {self.objects} objects, {found}"

    def to_bytes(self) -> bytes:
        """Return the record as it is stored."""
        return self.model_dump_json(indent=1).encode()


def parse_rehearsal(data: bytes, cluster: str, target: str) -> RehearsalRecord:
    """Read what `to_bytes` wrote; IntegrityError if it is not of its form, or about something else."""
    where = f"{cluster}: record of the rehearsal of {target}"
    try:
        record = RehearsalRecord.model_validate_json(data)
    except ValidationError as error:
        raise IntegrityError(f"{where}: it is not readable ({error.errors()[0]['msg']}); delete it") from error
    if (record.cluster, record.target) != (cluster, target):
        raise IntegrityError(f"{where}: it is about {record.cluster} and {record.target}; delete it")
    return record


def bounded_defects(defects: Iterable[Defect]) -> tuple[tuple[Defect, ...], int]:
    """Return the defects that are kept, in order and each once, and how many more there are."""
    every = sorted(set(defects), key=str)
    return tuple(every[:MOST]), max(0, len(every) - MOST)


def rehearsal_finding(
    record: RehearsalRecord | None, target: str, now: datetime, *, is_required: bool
) -> tuple[GateFinding, ...]:
    """Return what the gate says of the last rehearsal, with its age; nothing of none where none is required."""
    remedy = f"rehearse it: `{Operation.REHEARSE}` with version {target}"
    bad = GateLevel.BLOCKED if is_required else GateLevel.WARNING
    if record is None:
        missing = GateFinding("rehearsal", bad, f"the upgrade to {target} was never rehearsed", remedy)
        return (missing,) if is_required else ()
    age = now - record.finished
    told = f"rehearsed {_age_text(age)} ago: {record.text}"
    if record.count:
        few = tuple(map(str, record.defects[:_FEW]))
        left = record.count - len(few)
        text = f"{told}: {'; '.join(few)}{f'; and {left} more' if left else ''}"
        return (GateFinding("rehearsal", bad, text, f"mend these, then {remedy}", few),)
    if is_required and age > _FRESH:
        return (GateFinding("rehearsal", bad, f"{told}, which is too long ago", remedy),)
    return (GateFinding("rehearsal", GateLevel.PASSED, told),)


def _age_text(age: timedelta) -> str:
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"
