"""Files on a host by way of the scripts in `shell`; each operation is one round trip, or two where that saves bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from windlass.domain.host.file_drift import ObservedFile, desired_file, desired_files, find_file_drift
from windlass.effects.ssh import file_state, shell
from windlass.effects.ssh.connection import DEFAULT_TIMEOUT, RemoteFile
from windlass.errors import CommandError, CommandFailure

LARGE = 256 * 1024
"""From this size on, look whether a file differs before sending it."""

SLOWEST_BYTES_PER_SECOND = 256 * 1024


@dataclass(frozen=True)
class RawResult:
    """How a command ended, with the bytes it printed."""

    exit_code: int
    stdout: bytes
    stderr: str


class RunAsRoot(Protocol):
    """Runs a command as root and gives all of its output, whatever its exit code."""

    def __call__(self, argv: Sequence[str], stdin: bytes, timeout: timedelta, *, changes: bool = False) -> RawResult:
        """Run it; `changes` says that it changes the host."""
        ...


def put(host: str, run: RunAsRoot, path: str, file: RemoteFile) -> bool:
    """Write a file as `Connection.put` says."""
    _check_absolute(path)
    if len(file.content) > LARGE and not find_file_drift({path: desired_file(file)}, stat(host, run, [path])):
        return False
    digest = hashlib.sha256(file.content).hexdigest()
    argv = shell.script(shell.PUT, path, f"{file.mode:o}", file.owner, digest)
    raw = _checked(host, ("write", path), run(argv, file.content, _time_for(file.content), changes=True))
    return raw.stdout.strip() != b"same"


def put_tree(host: str, run: RunAsRoot, path: str, files: Mapping[str, RemoteFile]) -> bool:
    """Write files below a directory as `Connection.put_tree` says; send only those that differ."""
    root = _check_absolute(path).rstrip("/") or "/"
    sent = {file_state.check_relative(name): file for name, file in files.items()}
    desired = desired_files({_join(root, name): file for name, file in sent.items()})
    drifted = {one.path for one in find_file_drift(desired, stat(host, run, list(desired)))}
    differing = {name: file for name, file in sent.items() if _join(root, name) in drifted}
    if not differing:
        return False
    archive, owners = file_state.pack(differing)
    argv = shell.script(shell.PUT_TREE, root, *owners)
    _checked(host, ("write", f"{root}/: {', '.join(differing)}"), run(argv, archive, _time_for(archive), changes=True))
    return True


def read(host: str, run: RunAsRoot, path: str) -> bytes | None:
    """Read a file as `Connection.read` says."""
    raw = run(shell.script(shell.READ, _check_absolute(path)), b"", DEFAULT_TIMEOUT)
    if raw.exit_code == shell.ABSENT:
        return None
    return _checked(host, ("read", path), raw).stdout


def stat(host: str, run: RunAsRoot, paths: Sequence[str]) -> dict[str, ObservedFile]:
    """Look at files as `Connection.stat` says."""
    listing = "".join(f"{_check_absolute(path)}\0" for path in paths)
    raw = run(["sh", "-c", shell.STAT], listing.encode(), DEFAULT_TIMEOUT)
    return file_state.parse(_checked(host, ("stat", *paths), raw).stdout, paths)


def _join(root: str, name: str) -> str:
    return f"{root.rstrip('/')}/{name}"


def _check_absolute(path: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"not an absolute path: {path!r}")
    return path


def _time_for(content: bytes) -> timedelta:
    return DEFAULT_TIMEOUT + timedelta(seconds=len(content) / SLOWEST_BYTES_PER_SECOND)


def _checked(host: str, words: tuple[str, ...], raw: RawResult) -> RawResult:
    """Raise with what was wanted rather than with the text of a script."""
    if raw.exit_code != 0:
        raise CommandError(CommandFailure(host, words, raw.exit_code, raw.stderr))
    return raw
