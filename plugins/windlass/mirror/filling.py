"""Fills the mirror: makes what is missing, outdated or damaged, and nothing else."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from windlass.domain.artifacts import Artifact, Locked
from windlass.errors import IntegrityError, NotReadyError, WindlassError
from windlass.mirror.build_record import BuildRecord, RecordedFile, SourceCache, write_lock
from windlass.mirror.layers import file_digest
from windlass.mirror.oci_layout import manifests_by_architecture
from windlass.mirror.places import is_own_registry
from windlass.mirror.registry import LocalRegistry
from windlass.mirror.source import Produced, Progress, Source


class ProgressDisplay(Protocol):
    """Shows how far the fill is with all artifacts."""

    def start(self, artifact: Artifact) -> Progress:
        """Show that work on `artifact` has begun; what is returned takes its news."""

    def finish(self, artifact: Artifact, error: WindlassError | None) -> None:
        """Show that `artifact` is done, or why it failed."""


class ImageStore(Protocol):
    """Where images go."""

    def push(self, layout: Path, artifact: Artifact) -> tuple[str, tuple[str, ...]]:
        """Put an image there; return its manifest's digest and those of all its blobs."""

    def close(self) -> None:
        """Let go of what was opened."""


@dataclass(frozen=True)
class Filled:
    """What a fill did."""

    done: tuple[Artifact, ...] = ()
    failed: dict[Artifact, WindlassError] = field(default_factory=dict)


def missing(source: Source, source_cache: SourceCache, wanted: Sequence[Artifact]) -> tuple[Artifact, ...]:
    """List which of `wanted` must be made; size and time of what is there decide, nothing is read."""
    return tuple(
        artifact for artifact in wanted if source_cache.state(artifact, source.recipe_hash(artifact)) != "cached"
    )


def drop_damaged(source_cache: SourceCache, wanted: Sequence[Artifact]) -> tuple[Path, ...]:
    """Read everything, remove what is not what it was, and return that; the next fill makes it again."""
    damaged = []
    for artifact in wanted:
        for path in source_cache.damaged(artifact):
            damaged.append(path)
            path.unlink(missing_ok=True)
            source_cache.forget(artifact)
    return tuple(damaged)


def with_registry(wanted: Sequence[Artifact], available: Sequence[Artifact]) -> tuple[Artifact, ...]:
    """Add the registry, which images go through, to a choice that has images."""
    registry = tuple(filter(is_own_registry, available))
    needs_it = any(artifact.kind == "image" for artifact in wanted)
    return tuple(dict.fromkeys((*(registry if needs_it else ()), *wanted)))


class Fill:
    """One run over the artifacts of one source; each is made apart from the others and put in place at once."""

    def __init__(
        self,
        source: Source,
        source_cache: SourceCache,
        work: Path,
        display: ProgressDisplay,
        store: ImageStore | None = None,
    ) -> None:
        self._source = source
        self._source_cache = source_cache
        self._work = work
        self._display = display
        self._store = store
        self._guard = threading.Lock()
        self._registry_settled = threading.Event()

    def run(self, artifacts: Sequence[Artifact], on_interrupt: Callable[[], None] = lambda: None) -> Filled:
        """Make `artifacts`; one that fails does not stop the others."""
        shutil.rmtree(self._work, ignore_errors=True)  # what an interrupted run left
        self._work.mkdir(parents=True)
        if not any(map(is_own_registry, artifacts)):
            self._registry_settled.set()
        pool = ThreadPoolExecutor(self._source.workers, thread_name_prefix="mirror")
        try:
            futures = {pool.submit(self._one, artifact): artifact for artifact in artifacts}
            return _gather(futures)
        except BaseException:
            on_interrupt()
            raise
        finally:
            self._registry_settled.set()
            pool.shutdown(wait=True, cancel_futures=True)
            if self._store is not None:
                self._store.close()
            shutil.rmtree(self._work, ignore_errors=True)

    def _one(self, artifact: Artifact) -> WindlassError | None:
        progress = self._display.start(artifact)
        into = self._work / str(artifact).replace(":", "-")
        into.mkdir()
        error: WindlassError | None = None
        try:
            produced = self._source.produce(artifact, into, progress)
            record = self._place(artifact, produced, progress)
            with self._guard:
                self._source_cache.write(record)
                write_lock(self._source_cache.lock(), self._source_cache.directory / "lock.json")
        except WindlassError as failure:
            error = failure
        except OSError as failure:
            error = WindlassError(f"this machine: {artifact}: {failure}; fix that and run again")
            error.__cause__ = failure
        finally:
            if is_own_registry(artifact):
                self._registry_settled.set()
            shutil.rmtree(into, ignore_errors=True)
            self._display.finish(artifact, error)
        return error

    def _place(self, artifact: Artifact, produced: Produced, progress: Progress) -> BuildRecord:
        recipe = self._source.recipe_hash(artifact)
        if artifact.kind == "file":
            file = self._place_file(artifact, produced.path)
            return BuildRecord(
                artifact, recipe, Locked(file.digest, file.size, produced.origin, produced.revision), (file,)
            )
        progress.say("waits for the registry")
        self._registry_settled.wait()
        progress.say("goes into the registry")
        digest, blobs = self._images().push(produced.path, artifact)
        files = tuple(self._checked_blob(blob) for blob in blobs)
        size = sum(file.size for file in files)
        locked = Locked(digest, size, produced.origin, produced.revision, manifests_by_architecture(produced.path))
        return BuildRecord(artifact, recipe, locked, files)

    def _place_file(self, artifact: Artifact, made: Path) -> RecordedFile:
        target = self._source_cache.file(artifact)
        target.parent.mkdir(parents=True, exist_ok=True)
        made.chmod(0o755)
        with made.open("rb") as stream:
            os.fsync(stream.fileno())
        made.replace(target)
        return self._source_cache.describe(target)

    def _checked_blob(self, digest: str) -> RecordedFile:
        path = self._source_cache.blob(digest)
        if file_digest(path) != digest:
            path.unlink()
            raise IntegrityError(f"{path} did not have the digest in its name and was removed; run again")
        return self._source_cache.describe(path)

    def _images(self) -> ImageStore:
        with self._guard:
            if self._store is None:
                held = filter(is_own_registry, self._source_cache.lock().artifacts)
                program = next((path for path in map(self._source_cache.file, held) if path.exists()), None)
                if program is None:
                    raise NotReadyError("images go through the registry, which could not be made; see its own error")
                self._store = LocalRegistry(program, self._source_cache.registry, self._work)
            return self._store


def _gather(futures: dict[Future[WindlassError | None], Artifact]) -> Filled:
    """Wait for all, then raise what nobody expected, so that a mistake in one recipe does not stop the others."""
    finished = list(as_completed(futures))
    errors = {futures[future]: future.result() for future in finished}
    done = tuple(artifact for artifact, error in errors.items() if error is None)
    return Filled(done, {artifact: error for artifact, error in errors.items() if error is not None})
