"""A mirror in one file, for networks that nothing else gets into: written here, checked and unpacked there.

The file is a plain tar: `lock.json` first, then everything that the mirror serves. Whoever unpacks it believes nothing
of it: each file and blob is hashed, and only what the lock names, complete and with nothing besides, becomes a mirror.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

from windlass.domain.architectures import AMD64, ARCHITECTURES
from windlass.domain.artifacts import Artifact, Lock, parse_lock
from windlass.effects.archives import TarEntry, TarReader, open_tar
from windlass.errors import IntegrityError, NotReadyError
from windlass.mirror.build_record import SourceCache
from windlass.mirror.source_choice import SOURCES

LOCK = "lock.json"
_PARTS = ("stamps", "files", "registry")
_MOST_BYTES = 1 << 40
_LARGEST_TEXT = 16 * 1024 * 1024
_BLOBS = "registry/docker/registry/v2/blobs/sha256"
_REPOSITORIES = "registry/docker/registry/v2/repositories"
_OTHERS = "|".join(one for one in ARCHITECTURES if one != AMD64)
_BLOB = re.compile(rf"{_BLOBS}/[0-9a-f]{{2}}/([0-9a-f]{{64}})/data")
_LINK = re.compile(rf"{_REPOSITORIES}/windlass/[a-z0-9._/-]+/link")
_FILE = re.compile(rf"files/([A-Za-z0-9][\w.+-]*)/([A-Za-z0-9][\w.+-]*)/(?:({_OTHERS})/)?\1")
_STAMP = re.compile(rf"stamps/(file|image)-[\w.+-]+(@({_OTHERS}))?\.json")
_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}\s*")
_BEYOND = "get the file again, or export it again"


def export_mirror(held: SourceCache, target: Path) -> int:
    """Write a mirror into one file, all of it or nothing; return its size in bytes. NotReadyError if it has no lock."""
    if not (held.directory / LOCK).exists():
        raise NotReadyError(f"this machine: {held.directory} has no {LOCK}; run `windlass mirror`")
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with tarfile.open(unfinished, "w", format=tarfile.PAX_FORMAT) as archive:
            for path in _served(held.directory):
                archive.add(path, str(path.relative_to(held.directory)), recursive=False, filter=_plain)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target.stat().st_size


def import_mirror(source: Path, root: Path) -> Lock:
    """Make the mirror in the file `source` one below `root`, in the place of an older one of the same source.

    Return its lock. IntegrityError if anything in it is damaged, missing, or no part of one; then all is as it was.
    """
    unfinished = root / f".import.{os.getpid()}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        lock = _unpack(source, unfinished)
        _check_complete(SourceCache(unfinished, lock.source), lock, source)
        _take_place(unfinished, root / lock.source)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return lock


def _served(directory: Path) -> Iterator[Path]:
    yield directory / LOCK
    for part in _PARTS:
        for path in sorted((directory / part).rglob("*")):
            name = str(path.relative_to(directory))
            if path.is_file() and not path.is_symlink() and any(one.fullmatch(name) for one in _FORMS):
                yield path


_FORMS = (_BLOB, _LINK, _FILE, _STAMP)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who owns a file here."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o644
    return entry


def _unpack(source: Path, into: Path) -> Lock:
    lock: Lock | None = None
    with open_tar(source, _MOST_BYTES, str(source)) as entries:
        for entry in entries:
            if lock is None:
                if entry.name != LOCK or entry.kind != "file" or entry.size > _LARGEST_TEXT:
                    raise IntegrityError(
                        f"{source}: it does not begin with {LOCK}; give what `windlass mirror export` wrote"
                    )
                text = entries.read()
                lock = parse_lock(text.decode(errors="replace"))
                if lock.source not in SOURCES:
                    raise IntegrityError(f"{source}: its lock is of no source that there is; {_BEYOND}")
                (into / LOCK).write_bytes(text)
                continue
            if entry.kind == "hard link":
                _link(source, entry, into, lock)
            elif entry.kind == "file":
                _write(source, entry.name, entries, into, lock)
            else:
                raise IntegrityError(f"{source}: {entry.name!r} is a {entry.kind}, which no mirror has; {_BEYOND}")
    if lock is None:
        raise IntegrityError(f"{source}: it is empty; {_BEYOND}")
    return lock


def _write(source: Path, name: str, entries: TarReader, into: Path, lock: Lock) -> None:
    """Write one file, and hash it on the way; IntegrityError if it is not what its name or the lock says."""
    wanted = _expected(source, name, lock)
    target = into / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        stream = target.open("xb")
    except (FileExistsError, NotADirectoryError) as error:
        raise IntegrityError(f"{source}: {name} comes twice, or is a directory as well; {_BEYOND}") from error
    sha256 = hashlib.sha256()
    with stream:
        for piece in entries.content():
            sha256.update(piece)
            stream.write(piece)
    if _FILE.fullmatch(name):
        target.chmod(0o755)  # some are programs that this machine runs, such as the registry
    found = f"sha256:{sha256.hexdigest()}"
    if wanted is not None and found != wanted:
        raise IntegrityError(f"{source}: {name} is damaged: it has {found}, and must have {wanted}; {_BEYOND}")
    if _LINK.fullmatch(name) and not _DIGEST.fullmatch(target.read_bytes()[:100]):
        raise IntegrityError(f"{source}: {name} is damaged: it names no digest; {_BEYOND}")


def _link(source: Path, entry: TarEntry, into: Path, lock: Lock) -> None:
    """Have a file that is also there by another name, as one program is by those of kubelet and kubectl.

    IntegrityError unless both are files of the lock, with one digest.
    """
    wanted = {_expected(source, name, lock) for name in (entry.name, entry.link)}
    if len(wanted) != 1 or None in wanted or not (into / entry.link).is_file():
        raise IntegrityError(f"{source}: {entry.name} is a link to {entry.link}, which is another file; {_BEYOND}")
    target = into / entry.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise IntegrityError(f"{source}: {entry.name} comes twice; {_BEYOND}")
    target.hardlink_to(into / entry.link)


def _expected(source: Path, name: str, lock: Lock) -> str | None:
    """Return the digest that a file must have; None of links and stamps, which are judged by what they lead to."""
    if blob := _BLOB.fullmatch(name):
        return f"sha256:{blob[1]}"
    if file := _FILE.fullmatch(name):
        return lock.digest(Artifact("file", file[1], file[2], file[3] or AMD64))
    if ".." not in name and (_LINK.fullmatch(name) or _STAMP.fullmatch(name)):
        return None
    raise IntegrityError(f"{source}: {name!r} is nothing that a mirror has; {_BEYOND}")


def _check_complete(held: SourceCache, lock: Lock, source: Path) -> None:
    """IntegrityError that names what of the lock is not there; the times of files become those of their records."""
    lacking = []
    for artifact, locked in lock.artifacts.items():
        record = held.record(artifact)
        if record is None or (record.locked.digest, record.locked.manifests) != (locked.digest, locked.manifests):
            lacking.append(str(artifact))
            continue
        for file in record.files:
            path = held.directory / file.path
            if ".." in file.path or not path.is_file():
                lacking.append(f"{artifact} ({file.path})")
            else:
                os.utime(path, ns=(file.mtime_ns, file.mtime_ns))
        if held.state(artifact, record.recipe) != "cached":
            lacking.append(str(artifact))
    if lacking:
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        raise IntegrityError(f"{source}: it lacks {', '.join(lacking[:5])}{more}; {_BEYOND}")


def _take_place(unfinished: Path, target: Path) -> None:
    before = target.with_name(f".{target.name}.before")
    shutil.rmtree(before, ignore_errors=True)
    if target.exists():
        target.replace(before)
    unfinished.replace(target)
    shutil.rmtree(before, ignore_errors=True)
