"""The lock of a mirror as somebody accepted it: from then on it holds, whatever the mirror says of itself later."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from windlass.domain.artifacts import Artifact, Lock, lock_text, parse_lock
from windlass.domain.bounded import moment

_DIGEST_DIGITS = 12


@dataclass(frozen=True)
class Acceptance:
    """One change of the lock that holds: who decided it, when, and between which digests."""

    by: str
    """The person or the run."""
    at: datetime
    before: str
    """Digest of the lock that held before; empty for the first."""
    after: str

    def __str__(self) -> str:
        change = f"{self.before} → {self.after}" if self.before else self.after
        return f"{self.at:%Y-%m-%d %H:%M} UTC by {self.by}: {change}"


@dataclass(frozen=True)
class AcceptedLock:
    """The lock that holds for one mirror, and how it came to that."""

    mirror: str
    """Base URL of the mirror's files; `official vX.Y.Z` for what the publishers gave for a release."""
    lock: Lock
    history: tuple[Acceptance, ...]
    """The oldest first; the last one is of `lock`."""

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        history = [{**asdict(one), "at": one.at.astimezone(UTC).isoformat()} for one in self.history]
        return {"mirror": self.mirror, "lock": lock_text(self.lock), "history": history}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> AcceptedLock:
        """Read what `document` returned; one of `MALFORMED`, or IntegrityError, if it is something else."""
        history = tuple(Acceptance(**{**one, "at": moment(one["at"])}) for one in document["history"])
        return cls(document["mirror"], parse_lock(document["lock"]), history)

    def changed_to(self, lock: Lock, by: str, at: datetime) -> AcceptedLock:
        """Return the same mirror with another lock, and the change in its history."""
        change = Acceptance(by, at, lock_digest(self.lock), lock_digest(lock))
        return AcceptedLock(self.mirror, lock, (*self.history, change))


def first_accepted(mirror: str, lock: Lock, by: str, at: datetime) -> AcceptedLock:
    """Return the first lock that holds for a mirror."""
    return AcceptedLock(mirror, lock, (Acceptance(by, at, "", lock_digest(lock)),))


def lock_digest(lock: Lock) -> str:
    """Return the SHA-256 of a lock's text, which `sha256sum lock.json` says where the mirror was filled."""
    return f"sha256:{hashlib.sha256(lock_text(lock).encode()).hexdigest()}"


def lock_changes(before: Lock, after: Lock) -> tuple[str, ...]:
    """Name what `after` has otherwise than `before`, a line for each artifact; empty if both say the same."""
    return tuple(_changes(before, after))


def _changes(before: Lock, after: Lock) -> Iterator[str]:
    if before.source != after.source:
        yield f"source {before.source} → {after.source}"
    for artifact in sorted({*before.artifacts, *after.artifacts}):
        old, new = (_digest(lock, artifact) for lock in (before, after))
        if old != new:
            yield f"{artifact}: {old} → {new}"


def _digest(lock: Lock, artifact: Artifact) -> str:
    locked = lock.artifacts.get(artifact)
    return locked.digest[: len("sha256:") + _DIGEST_DIGITS] if locked else "none"
