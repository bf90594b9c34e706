"""Builds programs from Go modules at pinned versions, those with C in them too, and the one small C program."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from windlass.domain.architectures import AMD64, ARM64
from windlass.errors import WindlassError
from windlass.mirror.build_record import replace
from windlass.mirror.c_libraries import cgo_environment, lay_out
from windlass.mirror.commands import Commands, require
from windlass.mirror.debian import Apt, select, unpack
from windlass.mirror.layers import file_digest
from windlass.mirror.places import own_architecture
from windlass.mirror.recipes import Build, Debian, Recipes
from windlass.mirror.source import Progress

_GO_ADVICE = "install Go (the `go` line of include/mirror/modules/*/go.mod says which): https://go.dev/doc/install"
# A `go build` uses all cores by itself most of the time; only on large machines do several at once end sooner.
_CORES_OF_A_BUILD = 8
_STATIC = "-linkmode=external '-extldflags=-static -Wl,--build-id=none'"
"""Of a program with C in it: it needs no library of the host that it runs on."""
_C_TARGETS = {AMD64: "x86_64-linux-gnu", ARM64: "aarch64-linux-gnu"}
"""What gcc for another architecture than this machine's is called after (https://wiki.debian.org/Multiarch/Tuples)."""


class Builder:
    """Makes the programs of builds, each once, and keeps them by the hash of their recipe."""

    def __init__(self, recipes: Recipes, kept: Path, commands: Commands, apt: Apt | None = None) -> None:
        self._recipes = recipes
        self._kept = kept
        self._commands = commands
        self._apt = apt or Apt(commands, kept / "debian", recipes.architecture)
        self._turns = threading.Semaphore(max(1, (os.cpu_count() or 1) // _CORES_OF_A_BUILD))
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._checked: set[Path] = set()

    def program(self, reference: str, progress: Progress) -> Path:
        """Return the path of `BUILD/PROGRAM`, built now unless it is kept and undamaged."""
        name, program = reference.split("/", 1)
        kept = self._kept / name / self._recipes.build_hash(name)[:16]
        with self._locks[name]:
            if kept not in self._checked and not _is_intact(kept):
                progress.say(f"waits for its turn to build {name}")
                with self._turns:
                    self._build(name, kept, progress)
            self._checked.add(kept)
        return kept / program

    def _build(self, name: str, kept: Path, progress: Progress) -> None:
        work = kept.with_name(f".{kept.name}.{os.getpid()}")
        shutil.rmtree(work, ignore_errors=True)
        out = work / "out"
        out.mkdir(parents=True)
        build_into(self._recipes, name, work / "source", out, Toolchain(self._commands, progress, self._apt))
        digests = {path.name: file_digest(path) for path in sorted(out.iterdir())}
        replace(out / "digests.json", json.dumps(digests, indent=1))
        shutil.rmtree(kept, ignore_errors=True)
        out.rename(kept)
        shutil.rmtree(work)


class Toolchain:
    """The Go toolchain and the C compiler of this machine, with what apt has for the latter."""

    def __init__(self, commands: Commands, progress: Progress, apt: Apt | None = None) -> None:
        self._commands = commands
        self._progress = progress
        self._apt = apt

    def go(self, directory: Path, *arguments: str, architecture: str, libraries: Path | None = None) -> None:
        """Run `go` in `directory`; proxy, cache and flags come from the user's own environment.

        Without C, unless `libraries` has what the C parts are compiled and linked with.
        """
        require("go", _GO_ADVICE)
        environment = {"CGO_ENABLED": "0", "GOWORK": "off", "GOOS": "linux", "GOARCH": architecture}
        if libraries is not None:
            program = compiler(architecture)
            environment |= cgo_environment(libraries)
            if architecture != own_architecture():
                environment["CC"] = program
        self._commands.run(["go", *arguments], directory=directory, environment=environment, on_line=self._show)

    def libraries(self, debian: Debian, into: Path) -> Path:
        """Lay the headers and libraries of Debian's development packages out below `into`; return it."""
        if self._apt is None:
            raise WindlassError(f"{', '.join(debian.packages)}: this build takes nothing out of Debian packages")
        lay_out(select(unpack(self._apt.fetch(debian.packages, self._progress)), debian.files), into)
        return into

    def cc(self, source: Path, target: Path, architecture: str) -> None:
        """Compile one C file to a static program."""
        program = compiler(architecture)
        self._progress.say(f"{program} {source.name}")
        argv = [program, "-Os", "-static", "-s", "-Wl,--build-id=none", "-o", str(target), source.name]
        self._commands.run(argv, directory=source.parent)

    def say(self, what: str) -> None:
        """Show what is done now."""
        self._progress.say(what)

    def _show(self, line: str) -> None:
        self._progress.say(line.removeprefix("go: "))


def compiler(architecture: str) -> str:
    """Return the C compiler for an architecture; WindlassError with what to install if this machine has none."""
    if architecture == own_architecture():
        program, package = "gcc", "gcc libc6-dev"
    else:
        program = f"{_C_TARGETS[architecture]}-gcc"
        package = f"gcc-{_C_TARGETS[architecture].replace('_', '-')}"
    require(program, f"install a C compiler (Debian and Ubuntu: `apt-get install {package}`)")
    return program


def build_into(recipes: Recipes, name: str, source: Path, out: Path, toolchain: Toolchain) -> None:
    """Build everything of the build `name` in `source`, a directory to be made, and put it into `out`."""
    build = recipes.build(name)
    if build.c:
        toolchain.cc(recipes.sources / build.c, out / name, recipes.architecture)
        return
    shutil.copytree(recipes.build_directory(name), source)
    for extra in build.shared:
        shutil.copy(recipes.sources / extra, source)
    if build.emptied or build.replaced:
        _change_packages(build, source, toolchain, recipes.architecture)
    libraries = toolchain.libraries(build.c_libraries, source / "_libraries") if build.c_libraries else None
    for program, package in build.packages.items():
        toolchain.say(f"go build {package}")
        arguments = _build_arguments(build, package, out / program)
        toolchain.go(source, *arguments, architecture=recipes.architecture, libraries=libraries)


def _change_packages(build: Build, source: Path, toolchain: Toolchain, architecture: str) -> None:
    """Copy all packages beside go.mod, each checked against go.sum, and change those that the recipe names."""
    toolchain.say("go mod vendor")
    toolchain.go(source, "mod", "vendor", architecture=architecture)
    for package in build.emptied:
        empty_package(source / "vendor" / package)
    for path, own in build.replaced.items():
        target = source / "vendor" / path
        if (source / own).is_file():
            shutil.copy(source / own, target)
            continue
        shutil.rmtree(target)
        shutil.copytree(source / own, target)


def empty_package(directory: Path) -> None:
    """Leave of a Go package nothing but its name."""
    names = set()
    for path in directory.glob("*.go"):
        names.update(re.findall(r"^package (\w+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
        path.unlink()
    (directory / "empty.go").write_text(f"package {names.pop()}\n", encoding="utf-8")


def _build_arguments(build: Build, package: str, target: Path) -> tuple[str, ...]:
    """Write the words of `go build`; nothing of this machine gets into the program."""
    flags = f"-s -w -buildid= {_variables(build.variables)}".strip()
    if build.c_libraries:
        flags += f" {_STATIC}"
    chosen = [f"-gcflags={pattern}=-lang={version}" for pattern, version in build.language.items()]
    if build.tags:
        chosen += ["-tags", ",".join(build.tags)]
    return ("build", "-v", "-trimpath", "-buildvcs=false", *chosen, "-ldflags", flags, "-o", str(target), package)


def _variables(variables: Mapping[str, str]) -> str:
    return " ".join(f"-X={name}={value}" for name, value in sorted(variables.items()))


def _is_intact(kept: Path) -> bool:
    try:
        digests = json.loads((kept / "digests.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    return all((kept / name).is_file() and file_digest(kept / name) == digest for name, digest in digests.items())
