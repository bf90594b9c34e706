"""`windlass mirror`: fills the mirror on this machine, shows it, serves it."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from windlass.domain.accepted_lock import lock_digest
from windlass.domain.addresses import host_port
from windlass.effects.packaged import catalog_directory
from windlass.errors import NotReadyError, SpecError, WindlassError
from windlass.mirror import architecture_choice, cache, places, source_choice
from windlass.mirror.commands import Commands
from windlass.mirror.filling import Fill, Filled, drop_damaged, missing, with_registry
from windlass.mirror.lock import held

if TYPE_CHECKING:
    from windlass.domain.artifacts import Artifact, Lock
    from windlass.mirror.build_record import SourceCache
    from windlass.mirror.source import Source


def fill(arguments: argparse.Namespace) -> int:
    """Make what the mirror lacks."""
    signal.signal(signal.SIGTERM, _interrupt)  # what was started is stopped then, as with Ctrl-C
    commands = Commands()
    architectures = architecture_choice.configured(_architectures(arguments))
    choice = _choose(source_choice.configured(_source(arguments)), lambda name: _open(name, commands, architectures))
    print(f"mirror: source `{choice.source.name}`, because {choice.reason}")
    wanted = _wanted(choice.source, arguments.only)
    source_cache = cache.source_cache(choice.source.name)
    if not arguments.verify and not missing(choice.source, source_cache, wanted):
        _select(choice.source, complete=not arguments.only)
        if places.lacks_flags(catalog_directory()):
            _record_flags(source_cache, commands)
        print(f"mirror: all {len(wanted)} artifacts are there, in {source_cache.directory}")
        return 0
    with held(cache.mirror_root() / "fill.lock"):
        if arguments.verify:
            for path in drop_damaged(source_cache, wanted):
                print(f"mirror: {path} was damaged and is recreated")
        filled = _run(choice.source, missing(choice.source, source_cache, wanted), commands)
        _record_flags(source_cache, commands)
    _select(choice.source, complete=not filled.failed and not arguments.only)
    return _report(filled, len(wanted), source_cache.directory)


def show(arguments: argparse.Namespace) -> int:
    """Print every needed artifact with its state and digest."""
    name = _source(arguments) or cache.selected_source()
    source = _open(name, Commands(), architecture_choice.configured(_architectures(arguments)))
    source_cache, usual = cache.source_cache(name), frozenset(_usual(source))
    for artifact in source.artifacts():
        record = source_cache.record(artifact)
        state = source_cache.state(artifact, source.recipe_hash(artifact)) if artifact in usual else "optional"
        shown = "unverified" if _is_unverified(source_cache, artifact) else state
        digest = f"{record.locked.digest} ({record.locked.origin})" if record else "-"
        print(f"{shown:<10} {artifact!s:<44} {digest}")
    if (lock := _lock_if_any(name)) is not None:
        print(f"the lock has the digest {lock_digest(lock)}")
    return 0


def serve(arguments: argparse.Namespace) -> int:
    """Serve the files until interrupted."""
    from windlass.mirror.serving import images_served, serve_files

    signal.signal(signal.SIGTERM, _interrupt)  # the registry is stopped then, as with Ctrl-C
    root, tls = cache.mirror_directory(_source(arguments)), _tls(arguments)
    scheme = "http" if tls is None else "https"
    print(f"mirror: {root} at {scheme}://{host_port(arguments.address, arguments.port)}", flush=True)
    with contextlib.ExitStack() as beside:
        if arguments.registry_port is not None:
            where = host_port(arguments.address, arguments.registry_port)
            beside.enter_context(images_served(_registry_program(_source(arguments)), root, where, tls))
            print(f"mirror: its images at {scheme}://{where}", flush=True)
        serve_files(root, arguments.address, arguments.port, tls)
    return 0


def _registry_program(source: str | None) -> Path:
    found = (one.on(places.own_architecture()) for one in places.needed_artifacts())
    return cache.artifact_path(next(filter(places.is_own_registry, found)), source)


def _tls(arguments: argparse.Namespace) -> tuple[Path, Path] | None:
    """Return the certificate to serve with and its key; None to serve without. SpecError for one without the other."""
    certificate, key = arguments.certificate, arguments.key
    if (certificate is None) != (key is None):
        raise SpecError("mirror serve: --certificate and --key go together; give both")
    return None if certificate is None else (certificate, key)


def _select(source: Source, *, complete: bool) -> None:
    """Let the lab and hosts use `source` from now on; one that lacks something does not take the place of another."""
    try:
        if cache.selected_source() == source.name or not complete:
            return
    except NotReadyError:
        pass  # anything is better than nothing
    cache.select_source(source.name)


def _record_flags(source_cache: SourceCache, commands: Commands) -> None:
    """Keep with the catalog what the mirrored components take on their command lines; specs are checked by it."""
    from windlass.mirror.flag_record import record_flags

    try:
        changed = record_flags(catalog_directory(), source_cache, commands, cache.mirror_root() / "work")
    except (WindlassError, OSError) as error:
        print(f"mirror: the flags of components were not recorded: {error}; specs are checked without", file=sys.stderr)
        return
    for version in changed:
        print(f"mirror: the flags that the components of {version} take are recorded in the catalog")


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _run(source: Source, artifacts: Sequence[Artifact], commands: Commands) -> Filled:
    from windlass.mirror.progress_display import open_display

    source_cache = cache.source_cache(source.name)
    with open_display(len(artifacts)) as display:
        return Fill(source, source_cache, cache.mirror_root() / "work", display).run(
            artifacts, on_interrupt=commands.stop
        )


def _report(filled: Filled, wanted: int, directory: Path) -> int:
    for artifact, error in filled.failed.items():
        print(f"mirror: {artifact}: {error}", file=sys.stderr)
    if filled.failed:
        print(f"mirror: {len(filled.failed)} failed; run again to go on from here", file=sys.stderr)
        return 1
    print(f"mirror: {len(filled.done)} made, all {wanted} artifacts are there, in {directory}")
    return 0


def _wanted(source: Source, names: Sequence[str]) -> Sequence[Artifact]:
    available = source.artifacts()
    unknown = sorted(set(names) - {artifact.name for artifact in available})
    if unknown:
        known = ", ".join(sorted({artifact.name for artifact in available}))
        raise SpecError(f"--only {unknown[0]}: the source `{source.name}` makes no such artifact; it makes {known}")
    chosen = tuple(artifact for artifact in available if artifact.name in names) if names else _usual(source)
    return with_registry(chosen, available)


def _usual(source: Source) -> Sequence[Artifact]:
    """Return what a fill makes that names nothing."""
    there = cache.source_cache(source.name)
    return places.by_choice(source.artifacts(), lambda one: there.record(one) is not None)


def _choose(wanted: str, open_source: Callable[[str], Source]) -> source_choice.SourceChoice:
    """Choose the source; a mirror that is full already is not left for another."""
    if wanted == "auto":
        with contextlib.suppress(NotReadyError):
            before = open_source(cache.selected_source())
            if not missing(before, cache.source_cache(before.name), _usual(before)):
                return source_choice.SourceChoice(before, "it was taken before, and all is there")
    return source_choice.choose(wanted, open_source)


def _open(name: str, commands: Commands, asked: Sequence[str]) -> Source:
    lock = _lock_if_any(name)
    architectures = architecture_choice.architectures_of(asked, lock)
    if name == "official":
        from windlass.mirror.official import official_source

        return official_source(lock, architectures)
    from windlass.mirror.modules import ModulesSource

    root = cache.mirror_root()
    return ModulesSource(places.recipes_directory(), root / "builds", root / "work", commands, architectures)


def _is_unverified(source_cache: SourceCache, artifact: Artifact) -> bool:
    """Say whether something is there whose digest nobody vouched for."""
    record = source_cache.record(artifact)
    if record is None:
        return artifact.kind == "file" and source_cache.file(artifact).exists()
    return record.locked.origin == "unverified"


def _lock_if_any(source: str) -> Lock | None:
    try:
        return cache.read_lock(source)
    except NotReadyError:
        return None


def _source(arguments: argparse.Namespace) -> str | None:
    source: str | None = getattr(arguments, "source", None)
    return source


def _architectures(arguments: argparse.Namespace) -> Sequence[str]:
    asked: Sequence[str] = getattr(arguments, "architectures", ())
    return asked
