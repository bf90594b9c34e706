"""What is in the mirror on this machine, for those who use it."""

from __future__ import annotations

from pathlib import Path

from windlass.domain.artifacts import Artifact, Lock, parse_lock
from windlass.errors import IntegrityError, NotReadyError
from windlass.mirror import places
from windlass.mirror.build_record import SourceCache, replace

_ADVICE = "run `windlass mirror`"


def mirror_root() -> Path:
    """Return the directory of all mirrors, one below it for each source."""
    return places.cache_directory() / "mirror"


def selected_source() -> str:
    """Return the source that the mirror was last filled from; NotReadyError if it never was."""
    try:
        return (mirror_root() / "selected").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise NotReadyError(f"this machine: there is no mirror below {mirror_root()}; {_ADVICE}") from None


def select_source(name: str) -> None:
    """Make `name` the source that everything uses from now on."""
    replace(mirror_root() / "selected", name + "\n")


def mirror_directory(source: str | None = None) -> Path:
    """Return the directory of one source, complete in itself; None means the selected source."""
    return mirror_root() / (source or selected_source())


def source_cache(source: str | None = None) -> SourceCache:
    """Open the directory of one source."""
    name = source or selected_source()
    return SourceCache(mirror_directory(name), name)


def artifact_path(artifact: Artifact, source: str | None = None) -> Path:
    """Return where a file artifact is; NotReadyError if the mirror does not hold it as it was made."""
    held = source_cache(source)
    record = held.record(artifact)
    if artifact.kind != "file" or record is None or held.state(artifact, record.recipe) != "cached":
        raise NotReadyError(f"this machine: {artifact} is not in the mirror {held.directory}; {_ADVICE}")
    return held.file(artifact)


def read_lock(source: str | None = None) -> Lock:
    """Read the lock of one source; NotReadyError if there is none, IntegrityError if it cannot be read."""
    path = mirror_directory(source) / "lock.json"
    try:
        return parse_lock(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotReadyError(f"this machine: {path} does not exist; {_ADVICE}") from None
    except IntegrityError as error:
        raise IntegrityError(f"this machine: {path} is no lock ({error}); remove it, then {_ADVICE}") from error
