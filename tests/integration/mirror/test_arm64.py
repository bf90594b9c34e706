"""Small artifacts for arm64, made from modules and Debian's packages, start under an emulator of that processor."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest

from windlass.domain.architectures import AMD64, ARCHITECTURES, ARM64
from windlass.domain.artifacts import Artifact
from windlass.mirror import cache, places
from windlass.mirror.archive import export_mirror, import_mirror
from windlass.mirror.build_record import SourceCache
from windlass.mirror.commands import Commands
from windlass.mirror.filling import Fill
from windlass.mirror.modules import ModulesSource
from windlass.mirror.source import Progress

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

EMULATOR = "qemu-aarch64-static"
PROGRAMS = (EMULATOR, "aarch64-linux-gnu-gcc")
PACKAGES = ("qemu-user-static", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross")
NAMES = ("registry", "runc", "cni-plugins", "pause", "toolbox")
MACHINES = {AMD64: 62, ARM64: 183}
"""What an ELF program is for (elf.h: EM_X86_64, EM_AARCH64)."""


class Quiet:
    """Shows nothing: the test looks at what failed."""

    def start(self, _artifact: Artifact) -> Progress:
        return self

    def finish(self, _artifact: Artifact, _error: Exception | None) -> None:
        pass

    def say(self, what: str) -> None:
        pass

    def advance(self, done: int, total: int | None) -> None:
        pass


@pytest.fixture(scope="module")
def _programs() -> None:
    """Have the emulator and the compiler, installed from Debian where this machine has neither."""
    if all(map(shutil.which, PROGRAMS)):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.fail(f"install {', '.join(PACKAGES)}; as root on Debian this test does so itself")
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        subprocess.run(["apt-get", "--quiet", *words], check=True)


@pytest.fixture(scope="module")
def mirror(_programs: None, tmp_path_factory: pytest.TempPathFactory) -> SourceCache:
    """A mirror for both architectures with a few small artifacts; what is built is kept for the next time."""
    work = tmp_path_factory.mktemp("mirror")
    held = SourceCache(work / "modules", "modules")
    kept = cache.mirror_root() / "builds"
    source = ModulesSource(places.recipes_directory(), kept, work / "scratch", Commands(), ARCHITECTURES)
    wanted = [one for one in source.artifacts() if one.name in NAMES and one != registry_of(source).on(ARM64)]
    assert Fill(source, held, work / "work", Quiet()).run(wanted).failed == {}
    return held


def registry_of(source: ModulesSource) -> Artifact:
    return next(filter(places.is_own_registry, source.artifacts()))


def held_file(mirror: SourceCache, name: str, architecture: str) -> Path:
    wanted = (one for one in mirror.lock().artifacts if (one.name, one.architecture) == (name, architecture))
    return mirror.file(next(wanted))


def unpack(archive: Path, into: Path) -> Path:
    with tarfile.open(archive) as opened:
        opened.extractall(into, filter="tar")
    return into


def image_of(mirror: SourceCache, name: str, architecture: str, into: Path) -> Path:
    """Lay out what a host of an architecture runs of an image: by the tag, its index, and the manifest for it."""
    image = next(one for one in mirror.lock().artifacts if (one.kind, one.name) == ("image", name))
    index = json.loads(mirror.blob(mirror.tag(image).read_text()).read_bytes())
    (digest,) = (one["digest"] for one in index["manifests"] if one["platform"]["architecture"] == architecture)
    for layer in json.loads(mirror.blob(digest).read_bytes())["layers"]:
        unpack(mirror.blob(layer["digest"]), into)
    return into


def machine_of(program: Path) -> int:
    found: int = struct.unpack_from("<H", program.read_bytes()[:20], 18)[0]
    return found


def run(program: Path, *words: str, root: Path = Path("/")) -> str:
    """Run a program for arm64 under the emulator, with the libraries below `root`."""
    assert machine_of(program) == MACHINES[ARM64]
    done = subprocess.run(
        [EMULATOR, "-L", str(root), str(program), *words], check=False, capture_output=True, text=True, timeout=120
    )
    return done.stdout + done.stderr


def test_runc_starts(mirror: SourceCache) -> None:
    told = run(held_file(mirror, "runc", ARM64), "--version")
    assert "runc version" in told
    assert "libseccomp: " in told  # with the C parts that are linked in
    assert machine_of(held_file(mirror, "runc", AMD64)) == MACHINES[AMD64]


def test_every_cni_plugin_starts(mirror: SourceCache, tmp_path: Path) -> None:
    plugins = unpack(held_file(mirror, "cni-plugins", ARM64), tmp_path)
    told = {path.name: run(path, "--version") for path in plugins.iterdir()}
    assert set(told) == {"bandwidth", "bridge", "firewall", "host-local", "loopback", "portmap"}
    assert [name for name, text in told.items() if "v1.9.1" not in text] == []


def test_programs_of_an_image_start_with_the_libraries_in_it(mirror: SourceCache, tmp_path: Path) -> None:
    root = image_of(mirror, "toolbox", ARM64, tmp_path)
    assert run(root / "usr/bin/busybox", "uname", "-m", root=root).strip() == "aarch64"
    assert "BusyBox v" in run(root / "usr/bin/busybox", "--help", root=root)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_small_c_program_is_for_each_of_them(mirror: SourceCache, tmp_path: Path, architecture: str) -> None:
    pause = image_of(mirror, "pause", architecture, tmp_path) / "pause"
    assert machine_of(pause) == MACHINES[architecture]


def test_the_mirror_goes_through_a_file(mirror: SourceCache, tmp_path: Path) -> None:
    export_mirror(mirror, tmp_path / "mirror.tar")
    assert import_mirror(tmp_path / "mirror.tar", tmp_path / "there") == mirror.lock()
