"""The tar archive of the files that make an image one certain host."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

from windlass_lab.keys import KeyPair

OPS_ID = 1000
"""User and group id of `ops` in the images."""


def identity_archive(
    keys: KeyPair, login: str, files: Mapping[str, str], programs: Mapping[str, str] | None = None
) -> bytes:
    """Return a tar archive of a host's own SSH keys, its login, and more files by path. `login` is a public key."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in (programs or {}).items():
            _add(archive, path, content, mode=0o755)
        for path, content in files.items():
            _add(archive, path, content, mode=0o644)
        _add(archive, "etc/ssh/ssh_host_ed25519_key.pub", f"{keys.public}\n", mode=0o644)
        _add_directory(archive, "home/ops/.ssh", owner=OPS_ID)
        _add(archive, "home/ops/.ssh/authorized_keys", f"{login}\n", mode=0o600, owner=OPS_ID)
        # The last of all: a machine that has it has the others.
        _add(archive, "etc/ssh/ssh_host_ed25519_key", keys.private, mode=0o600)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: str, *, mode: int, owner: int = 0) -> None:
    data = content.encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.uid, entry.gid = len(data), mode, owner, owner
    archive.addfile(entry, io.BytesIO(data))


def _add_directory(archive: tarfile.TarFile, name: str, *, owner: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o700, owner, owner
    archive.addfile(entry)
