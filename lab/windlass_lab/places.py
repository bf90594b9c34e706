"""Where the lab keeps what it makes, below WINDLASS_CACHE, and the locks on it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from windlass.mirror.places import cache_directory

Say = Callable[[str], None]
"""Takes one line for the person who waits."""

_HERE = Path(__file__).parent
_RECIPES = _HERE / "recipes" if (_HERE / "recipes").is_dir() else _HERE.parent
RECIPE = _RECIPES / "image"
"""What the host image is made from."""


def lab_root() -> Path:
    """Return the directory of all labs."""
    return cache_directory().absolute() / "lab"


def lab_directory(name: str) -> Path:
    """Return the directory of one lab's state: keys, addresses, credentials."""
    return lab_root() / name


def engine_directory() -> Path:
    """Return the directory of the Docker engine that the lab started itself, and of its data."""
    return lab_root() / "engine"


def image_directory() -> Path:
    """Return the directory of built host images."""
    return lab_root() / "image"


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold the lock `name`, so that two commands do not do the same thing at once."""
    with _locked(name, fcntl.LOCK_EX):
        yield


@contextmanager
def shared(name: str) -> Iterator[None]:
    """Hold the lock `name` together with others that share it, and with none that holds it alone."""
    with _locked(name, fcntl.LOCK_SH):
        yield


@contextmanager
def _locked(name: str, kind: int) -> Iterator[None]:
    path = lab_root() / "locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, kind)
        yield


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, all at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)
