"""The source `modules`: builds every artifact from Go modules and Debian packages, following the recipes."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from windlass.domain.architectures import AMD64, in_order
from windlass.domain.artifacts import Artifact
from windlass.domain.part_versions import DebianVersion
from windlass.mirror import places
from windlass.mirror.commands import Commands
from windlass.mirror.debian import Apt, Entry, select, unpack
from windlass.mirror.golang import Builder
from windlass.mirror.layers import ImageSettings, write_index_layout, write_layout, write_tar
from windlass.mirror.recipes import Debian, LayerRecipe, Recipes
from windlass.mirror.source import Produced, Progress

# Go builds take turns by themselves; the others are light. Enough for one build, one download and the images.
_WORKERS = 6


class ModulesSource:
    """Makes artifacts from pinned Go modules; needs Go, a C compiler, and apt of the release that the recipes name."""

    name = "modules"
    workers = _WORKERS

    def __init__(
        self, recipes: Path, kept: Path, scratch: Path, commands: Commands, architectures: Sequence[str] = ()
    ) -> None:
        """Follow `recipes` for hosts of these architectures, this machine's if none is said."""
        self._images_for = in_order(architectures) or (places.own_architecture(),)
        self._makers = {
            one: _Maker(Recipes(recipes, one), kept, scratch, commands)
            for one in dict.fromkeys((*self._images_for, places.own_architecture()))
        }
        self.recipes = self._makers[self._images_for[0]].recipes
        needed = (found for found in places.needed_artifacts(recipes) if self.recipes.has(found))
        self._artifacts = tuple(places.on_architectures(needed, self._images_for))

    def problem(self) -> str | None:
        """Say that Go is missing, if it is."""
        if shutil.which("go") is None:
            return "`go` is not on PATH; install Go (https://go.dev/doc/install)"
        return None

    def artifacts(self) -> Sequence[Artifact]:
        """List every needed artifact that has a recipe."""
        return self._artifacts

    def recipe_hash(self, artifact: Artifact) -> str:
        """Hash the recipe and everything that it is made from in this checkout."""
        hashes = {one: maker.recipes.artifact_hash(artifact) for one, maker in self._makers_of(artifact).items()}
        if artifact.kind == "file" or tuple(hashes) == (AMD64,):
            return next(iter(hashes.values()))
        return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()

    def produce(self, artifact: Artifact, into: Path, progress: Progress) -> Produced:
        """Build, take out of packages, or compose `artifact`."""
        makers = tuple(self._makers_of(artifact).values())
        if artifact.kind == "file":
            made = makers[0].file(artifact, into, progress)
        else:
            images = [maker.image(artifact, into, progress) for maker in makers]
            made = write_layout(*images[0], into) if len(images) == 1 else write_index_layout(images, into)
        revisions = [found for maker in makers if (found := maker.revision(artifact))]
        return Produced(made, "build", min(revisions, key=DebianVersion, default=""))

    def _makers_of(self, artifact: Artifact) -> dict[str, _Maker]:
        """Return who makes what belongs to an artifact, by architecture."""
        chosen = (artifact.architecture,) if artifact.kind == "file" else self._images_for
        return {one: self._makers[one] for one in chosen}


class _Maker:
    """Follows the recipes for one architecture."""

    def __init__(self, recipes: Recipes, kept: Path, scratch: Path, commands: Commands) -> None:
        self.recipes = recipes
        self._apt = Apt(commands, kept / "debian", recipes.architecture)
        self._builder = Builder(self.recipes, kept, commands, self._apt)
        self._layers = scratch / "layers" / recipes.architecture
        self._layer_locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._made: set[Path] = set()

    def file(self, artifact: Artifact, into: Path, progress: Progress) -> Path:
        """Build a file, or take it out of packages; return where it is."""
        recipe = self.recipes.file(artifact)
        target = into / artifact.name
        self._check_version(artifact, recipe.debian)
        if recipe.archive:
            programs = {path: self._builder.program(found, progress) for path, found in recipe.archive.items()}
            progress.say("packs the archive")
            _write_archive(programs, target)
        elif recipe.debian is not None:
            target.write_bytes(self._one_file(recipe.debian, progress))
            target.chmod(0o755)
        else:
            target.hardlink_to(self._builder.program(recipe.program, progress))
        return target

    def image(self, artifact: Artifact, into: Path, progress: Progress) -> tuple[list[Path], ImageSettings]:
        """Make the layers of an image; return them with what the image says of itself."""
        recipe = self.recipes.image(artifact)
        for name in recipe.layers:
            self._check_version(artifact, self.recipes.layer(name).debian)
        layers = [self._layer(name, into, progress) for name in recipe.layers]
        progress.say("composes the image")
        labels = {
            "org.opencontainers.image.title": artifact.name,
            "org.opencontainers.image.version": artifact.version,
        }
        return layers, ImageSettings(self.recipes.architecture, recipe.entrypoint, recipe.command, recipe.user, labels)

    def _layer(self, name: str, into: Path, progress: Progress) -> Path:
        """Make a layer's archive, once for all the images of one run that share it."""
        recipe = self.recipes.layer(name)
        kept = self._layers / name / f"{self.recipes.layer_hash(name)[:16]}.tar"
        with self._layer_locks[name]:
            if kept not in self._made:
                entries = self._layer_entries(recipe, progress)
                progress.say(f"writes the layer {name}")
                kept.parent.mkdir(parents=True, exist_ok=True)
                unfinished = into / f"{name}.tar"
                write_tar(entries, unfinished)
                unfinished.replace(kept)
                self._made.add(kept)
        return kept

    def _layer_entries(self, recipe: LayerRecipe, progress: Progress) -> Mapping[str, Entry | None]:
        entries: dict[str, Entry | None] = dict.fromkeys(recipe.directories)
        if recipe.debian is not None:
            entries.update(self._entries(recipe.debian, progress))
        for path, program in recipe.programs.items():
            entries[path] = Entry(self._builder.program(program, progress).read_bytes(), 0o755)
        entries.update({path: Entry(text.encode(), 0o644) for path, text in recipe.texts.items()})
        entries.update({f"usr/bin/{applet}": Entry(b"", 0o777, "busybox") for applet in recipe.applets})
        entries.update({path: Entry(b"", 0o777, target) for path, target in recipe.links.items()})
        return entries

    def _check_version(self, artifact: Artifact, debian: Debian | None) -> None:
        if debian is not None and debian.version_from:
            self._apt.check_version(debian.version_from, str(artifact), artifact.version, debian.least)

    def revision(self, artifact: Artifact) -> str:
        """Return the version of the Debian package that the artifact's program came out of; empty if of none."""
        if artifact.kind == "file":
            found = [self.recipes.file(artifact).debian]
        else:
            found = [self.recipes.layer(name).debian for name in self.recipes.image(artifact).layers]
        named = [debian.version_from for debian in found if debian is not None and debian.version_from]
        return self._apt.version(named[0]) if named else ""

    def _one_file(self, debian: Debian, progress: Progress) -> bytes:
        """Take one program without its libraries: a host that has the package's dependencies has those."""
        (path,) = debian.files
        return unpack(self._apt.fetch(debian.packages, progress))[path].content

    def _entries(self, debian: Debian, progress: Progress) -> dict[str, Entry]:
        packages = self._apt.fetch(debian.packages, progress)
        progress.say("takes files out of packages")
        return select(unpack(packages), debian.files)


def _write_archive(programs: Mapping[str, Path], target: Path) -> None:
    plain = target.with_suffix(".tar")
    write_tar({path: Entry(program.read_bytes(), 0o755) for path, program in programs.items()}, plain)
    # Level 1: the mirror is near, so the time to pack counts more than the size.
    with (
        plain.open("rb") as source,
        target.open("wb") as stream,
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, compresslevel=1, mtime=0) as packed,
    ):
        shutil.copyfileobj(source, packed)
    plain.unlink()
