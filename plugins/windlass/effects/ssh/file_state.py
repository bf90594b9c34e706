"""What a host says of its files, and the archive in which files go there; pure."""

from __future__ import annotations

import io
import re
import stat
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from windlass.domain.host.file_drift import Absent, FileState, ObservedFile, OtherKind, Unknown
from windlass.effects.ssh.connection import RemoteFile

_DIGEST = re.compile(r"([0-9a-f]{64})  (/.*)", re.DOTALL)
_STATUS = re.compile(r"([0-9a-f]{1,8}) (\d+:\d+) ([^ ]+:[^ ]+) (/.*)", re.DOTALL)
_ABSENT = re.compile(r"absent (/.*)", re.DOTALL)


def parse(listing: bytes, paths: Iterable[str]) -> dict[str, ObservedFile]:
    """Read what the script `STAT` prints of `paths`: records of stat, of sha256sum and of absence, each ended by NUL.

    Of what it does not say, or not to the end, nobody knows how it is.
    """
    records = listing.decode("utf-8", "surrogateescape").split("\0")[:-1]
    absent = {match[1] for match in map(_ABSENT.fullmatch, records) if match}
    digests = {match[2]: match[1] for match in map(_DIGEST.fullmatch, records) if match}
    statuses = {match[4]: match for match in map(_STATUS.fullmatch, records) if match}
    return {
        path: Absent() if path in absent else _observed(statuses.get(path), digests.get(path, "")) for path in paths
    }


def _observed(status: re.Match[str] | None, digest: str) -> ObservedFile:
    if status is None:
        return Unknown()
    mode = int(status[1], 16)
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "directory", stat.S_IFLNK: "symbolic link"}
        return OtherKind(kinds.get(stat.S_IFMT(mode), "special file"))
    if not digest:
        return Unknown("its content cannot be read")
    return FileState(digest, stat.S_IMODE(mode), status[3], status[2])


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
