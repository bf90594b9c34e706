"""What files on a host are, and which of them differ from what is wanted; pure."""

from __future__ import annotations

import hashlib
import io
import stat
import tarfile
from collections.abc import Mapping
from pathlib import PurePosixPath

from windlass.effects.transport.connection import FileState, RemoteFile


def parse(listing: bytes) -> dict[str, FileState]:
    """Read what the script `STAT` prints: records of stat, then records of sha256sum, each ended by NUL."""
    found: dict[str, tuple[int, str, str]] = {}
    digests: dict[str, str] = {}
    for record in listing.decode("utf-8", "surrogateescape").split("\0"):
        digest, _, path = record.partition("  ")
        if len(digest) == 64 and path:
            digests[path] = digest
        elif record:
            mode, ids, owner, path = record.split(" ", 3)
            found[path] = (int(mode, 16), ids, owner)
    return {
        path: FileState(digests[path], stat.S_IMODE(mode), owner, ids)
        for path, (mode, ids, owner) in found.items()
        if stat.S_ISREG(mode) and path in digests
    }


def is_as_wanted(state: FileState | None, wanted: RemoteFile) -> bool:
    """Tell whether a file has the content, mode and owner that are wanted."""
    return (
        state is not None
        and state.sha256 == hashlib.sha256(wanted.content).hexdigest()
        and state.mode == wanted.mode
        and wanted.owner in (state.owner, state.owner_ids)
    )


def check_relative(path: str) -> str:
    """Give the path back unless it is absolute or leads outside its directory."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise ValueError(f"not a path inside a directory: {path!r}")
    return str(PurePosixPath(path))


def pack(files: Mapping[str, RemoteFile]) -> tuple[bytes, list[str]]:
    """Give the tar for the script `PUT_TREE`, equal for equal files, and the owners of its groups in order."""
    owners = sorted({file.owner for file in files.values()})
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(files):
            file = files[path]
            _add(archive, f"{owners.index(file.owner)}/{path}", file.content, file.mode)
        _add(archive, "complete", b"", 0o600)
    return stream.getvalue(), owners


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mode = mode
    archive.addfile(member, io.BytesIO(content))
