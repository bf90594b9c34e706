"""Lets one process at a time fill a mirror."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from windlass.errors import RefusedError


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock at `path`; RefusedError that names the holder if another process has it.

    The kernel lets go of it when the process ends, however that happens.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            holder = stream.read().strip() or "another process"
            raise RefusedError(
                f"this machine: the mirror is being filled by {holder}; wait for it, or stop it"
            ) from None
        stream.truncate(0)
        stream.write(f"process {os.getpid()}, since {datetime.now(UTC):%H:%M:%S} UTC\n")
        stream.flush()
        yield
