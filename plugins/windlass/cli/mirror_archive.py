"""`windlass mirror export` and `import`: a mirror in one file, for networks that nothing else gets into."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_commands(below: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both to the actions of `windlass mirror`."""
    exporting = below.add_parser("export", help="write the mirror into one file, to be carried elsewhere")
    exporting.add_argument("file", type=Path, help="file to write")
    exporting.set_defaults(run=_export)
    importing = below.add_parser("import", help="make the mirror in a file this machine's; all of it is checked")
    importing.add_argument("file", type=Path, help="file that `windlass mirror export` wrote")
    importing.set_defaults(run=_import)


def _export(arguments: argparse.Namespace) -> int:
    from windlass.domain.accepted_lock import lock_digest
    from windlass.mirror import cache
    from windlass.mirror.archive import export_mirror

    source = getattr(arguments, "source", None)
    size = export_mirror(cache.source_cache(source), arguments.file)
    print(
        f"mirror: {arguments.file} has {size / 1e9:.1f} GB; over there: `windlass mirror import {arguments.file.name}`"
    )
    print(f"the lock has the digest {lock_digest(cache.read_lock(source))}")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from windlass.domain.accepted_lock import lock_digest
    from windlass.mirror import cache
    from windlass.mirror.archive import import_mirror
    from windlass.mirror.lock import held

    with held(cache.mirror_root() / "fill.lock"):
        lock = import_mirror(arguments.file, cache.mirror_root())
        cache.select_source(lock.source)
    print(f"mirror: all {len(lock.artifacts)} artifacts are there, in {cache.mirror_directory(lock.source)}")
    print(f"the lock has the digest {lock_digest(lock)}; compare it with what the export printed")
    return 0
