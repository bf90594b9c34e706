"""Which flags the components of each release take: asked of the programs in the mirror, kept beside the catalog."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from windlass.domain.artifacts import FLAGS_FILE, Artifact
from windlass.domain.bounded import read_from
from windlass.domain.catalog import Release
from windlass.domain.catalog.flags import (
    COMPONENTS,
    ComponentFlags,
    ReleaseFlags,
    asked_flags,
    flags_text,
    is_unknown,
    parse_help,
)
from windlass.effects.archives import open_tar
from windlass.effects.catalog import load_catalog
from windlass.errors import CommandError, NotReadyError
from windlass.mirror.build_record import SourceCache, replace
from windlass.mirror.commands import Commands
from windlass.mirror.places import own_architecture

_FILES = ("kubelet",)
"""Components that hosts get as a file; the others are in images."""
MOST_BYTES = 4 * 1024 * 1024 * 1024
"""Of one layer of an image, which is never in memory as a whole."""


def record_flags(catalog: Path, held: SourceCache, commands: Commands, scratch: Path) -> tuple[str, ...]:
    """Write the flags of every release of which the mirror holds all components for this machine.

    Return the releases that changed.
    """
    changed = []
    for version, release in load_catalog(catalog).releases.items():
        if not all(_runs_here(held, artifact) for artifact in component_artifacts(release).values()):
            continue
        text, path = flags_text(ask_flags(release, held, commands, scratch)), catalog / version / FLAGS_FILE
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            replace(path, text)
            changed.append(version)
    return tuple(changed)


def ask_flags(release: Release, held: SourceCache, commands: Commands, scratch: Path) -> ReleaseFlags:
    """Ask each component of `release` in the mirror which flags it takes; NotReadyError if one is not there."""
    programs = scratch / "programs" / release.version
    programs.mkdir(parents=True)
    try:
        return {
            component: _ask(component, _program(component, artifact, held, programs), commands)
            for component, artifact in component_artifacts(release).items()
        }
    finally:
        shutil.rmtree(programs)


def component_artifacts(release: Release) -> dict[str, Artifact]:
    """Return what holds the program of each component, as this machine can run it."""
    found = {name: release.artifact("file" if name in _FILES else "image", name) for name in COMPONENTS}
    return {name: artifact.on(own_architecture()) for name, artifact in found.items()}


def _runs_here(held: SourceCache, artifact: Artifact) -> bool:
    record = held.record(artifact)
    if record is None:
        return False
    return artifact.kind == "file" or record.locked.digest_on(own_architecture()) is not None


def _ask(component: str, program: Path, commands: Commands) -> ComponentFlags:
    listed = parse_help(component, commands.run([str(program), "--help"], directory=program.parent))
    return asked_flags(component, listed, lambda name: _takes(program, name, commands))


def _takes(program: Path, name: str, commands: Commands) -> bool:
    """Tell whether a program knows a flag: it reads all flags before it shows its help, and starts nothing."""
    said: list[str] = []
    try:
        commands.run([str(program), f"--{name}=x", "--help"], directory=program.parent, on_line=said.append)
    except CommandError:  # a value that does not fit is an error too
        return not is_unknown("\n".join(said))
    return True


def _program(component: str, artifact: Artifact, held: SourceCache, into: Path) -> Path:
    """Return the program under its component's name, since one binary may serve several, by the name it is called."""
    program = into / component
    if artifact.kind == "file":
        program.symlink_to(held.file(artifact))
        return program
    desired = component
    for layer in _layers(artifact, held):
        with open_tar(layer, MOST_BYTES, str(artifact)) as entries:
            for entry in entries:
                if PurePosixPath(entry.name).name == desired and entry.link:
                    desired = PurePosixPath(entry.link).name
    return _taken_out(artifact, desired, held, program)


def _taken_out(artifact: Artifact, name: str, held: SourceCache, program: Path) -> Path:
    for layer in _layers(artifact, held):
        with open_tar(layer, MOST_BYTES, str(artifact)) as entries:
            for entry in entries:
                if entry.kind == "file" and PurePosixPath(entry.name).name == name:
                    with program.open("wb") as target:
                        target.writelines(entries.content())
                    program.chmod(0o755)
                    return program
    raise NotReadyError(f"{artifact}: no program `{name}` is in the image; run `windlass mirror --verify`")


def _layers(artifact: Artifact, held: SourceCache) -> Iterator[Path]:
    """Give the archives that an image is made of, as the registry keeps them."""
    record = held.record(artifact)
    own = record.locked.digest_on(own_architecture()) if record is not None else None
    if own is None:
        raise NotReadyError(f"{artifact} is not in the mirror {held.directory}; run `windlass mirror`")
    with read_from(f"{artifact}: its manifest", "run `windlass mirror --verify`"):
        manifest = json.loads(held.blob(own).read_text(encoding="utf-8"))
        digests = [str(layer["digest"]) for layer in manifest["layers"]]
    yield from map(held.blob, digests)
