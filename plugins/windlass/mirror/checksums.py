"""Checksum files as publishers write them: a bare digest, lines of `sha256sum`, BSD lines, signed or not."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

from windlass.errors import IntegrityError

_BARE = re.compile(r"[0-9a-fA-F]{64}")
_GNU = re.compile(r"(?P<digest>[0-9a-fA-F]{64})\s+\*?(?P<name>\S.*)")
_BSD = re.compile(r"SHA256 ?\((?P<name>.+)\) ?= ?(?P<digest>[0-9a-fA-F]{64})")
_CHUNK = 1024 * 1024


def published_sha256(text: str, name: str, url: str) -> str:
    """Find the SHA-256 (64 hex digits) of the file `name` in the checksum file that came from `url`.

    Lines that are no checksums (signatures, other algorithms) are passed over. IntegrityError if the file names no
    checksum for `name`, or two that differ.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) == 1 and _BARE.fullmatch(lines[0]):
        return lines[0].lower()
    found = {digest for listed, digest in map(_entry, lines) if listed == name}
    if len(found) == 1:
        return found.pop()
    what = "no SHA-256" if not found else f"{len(found)} different SHA-256 sums"
    raise IntegrityError(f"{url}: lists {what} for `{name}`, so the download cannot be checked")


def file_sha256(path: Path) -> str:
    """Compute the SHA-256 (64 hex digits) of the file at `path`."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _entry(line: str) -> tuple[str | None, str]:
    matched = _GNU.fullmatch(line) or _BSD.fullmatch(line)
    if matched is None:
        return None, ""
    return PurePosixPath(matched["name"]).name, matched["digest"].lower()
