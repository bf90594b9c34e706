"""Writes the files: all that is secret into one directory that only its owner may enter, the rest into `.env`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from windlass.cli.production.secret_plan import plan_secrets
from windlass.cli.production.wishes import Wishes, parse_settings, settings
from windlass.errors import RefusedError

_KEPT_FROM_CONTAINERS = frozenset({"ca.key"})


def write_setup(directory: Path, wishes: Wishes) -> tuple[str, ...]:
    """Write what is missing or follows from what has changed below `directory`; return the names of what was written.

    RefusedError where the directory of secrets is open to others; SpecError where a file in it cannot be read.
    """
    env = directory / ".env"
    given = parse_settings(env.read_text()) if env.exists() else {}
    secrets = directory / given.get("WINDLASS_SECRETS", "secrets")
    _enter(secrets)
    there = {path.name: path.read_text() for path in secrets.iterdir() if path.is_file()}
    planned = plan_secrets(there, given, wishes, datetime.now(UTC))
    changed = {name: content for name, content in planned.items() if there.get(name) != content}
    for name, content in changed.items():
        _write(secrets / name, content)
    added = settings(given, wishes, "./secrets")
    if added:
        set_settings(env, added)
    return (*(f"{secrets / name}" for name in changed), *((str(env),) if added else ()))


def _enter(secrets: Path) -> None:
    secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    if secrets.stat().st_mode & 0o077:
        raise RefusedError(
            f"{secrets} can be entered by others than its owner; `chmod 700 {secrets}`, then run this again"
        )


def _write(path: Path, content: str) -> None:
    """Replace a file by another: readable to all, as services run as users of their own, in a directory that is not."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    mode = 0o600 if path.name in _KEPT_FROM_CONTAINERS else 0o644
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def set_settings(env: Path, added: Mapping[str, str]) -> None:
    """Add lines to a `.env`, or change those that are there for the same names; all else stays as it is written."""
    lines = env.read_text().splitlines() if env.exists() else []
    kept = [line for line in lines if line.partition("=")[0].strip() not in added]
    temporary = env.with_name(f".env.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.writelines(f"{line}\n" for line in (*kept, *(f"{name}={value}" for name, value in added.items())))
    temporary.replace(env)
