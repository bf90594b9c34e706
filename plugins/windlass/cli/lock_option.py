"""`--lock`: which artifacts there are, by the lock of a mirror."""

from __future__ import annotations

from pathlib import Path

from windlass.domain.artifacts import Lock, parse_lock
from windlass.errors import NotReadyError
from windlass.mirror import cache


def the_lock(path: Path | None) -> Lock:
    """Return the lock that was named, or that of the mirror on this machine; NotReadyError if there is none."""
    return parse_lock(text_of(path)) if path is not None else cache.read_lock(cache.selected_source())


def lock_if_any(path: Path | None) -> Lock | None:
    """Return the lock that was named, or that of the mirror on this machine; None if there is none here."""
    try:
        return the_lock(path)
    except NotReadyError:
        if path is not None:
            raise
        return None


def text_of(path: Path) -> str:
    """Return the text of a file; NotReadyError if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotReadyError(f"{path}: cannot be read: {error.strerror}") from error
