"""The flags of components are asked of the programs that the mirror holds, and kept beside the catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.domain.artifacts import FLAGS_FILE, Artifact
from windlass.domain.catalog.flags import COMPONENTS, read_flags
from windlass.errors import NotReadyError
from windlass.mirror.build_record import SourceCache
from windlass.mirror.commands import Commands
from windlass.mirror.debian import Entry
from windlass.mirror.filling import Fill
from windlass.mirror.flag_record import record_flags
from windlass.mirror.layers import ImageSettings, write_index_layout, write_layout, write_tar
from windlass.mirror.places import lacks_flags
from windlass.mirror.source import Produced, Progress

from .fakes import QuietBoard, SourceOfBytes, StoreInDirectory

VERSION = "v1.37.2"
KUBELET = Artifact("file", "kubelet", VERSION)
IMAGES = {name: Artifact("image", name, VERSION) for name in COMPONENTS if name != "kubelet"}
PROGRAM = b"""#!/bin/sh
case $1 in
--help) echo "      --of-${0##*/} int   a number"; echo "  --deprecated string   DEPRECATED: old" ;;
--kubelet-port=*|--v=*|--of-etcd=*) echo 'Error: invalid argument "x"' >&2; exit 1 ;;
*) echo "Error: unknown flag: $1" >&2; exit 1 ;;
esac
"""
CATALOG = f"""\
version: {VERSION}
templates: [base]
upgradesFrom: []
files: {{kubelet: {VERSION}}}
images: {{{", ".join(f"{name}: {VERSION}" for name in IMAGES)}}}
"""


class SourceOfPrograms(SourceOfBytes):
    """Makes images in which one binary serves several components, as links to it."""

    def produce(self, artifact: Artifact, into: Path, progress: Progress) -> Produced:
        if artifact.kind == "file":
            return super().produce(artifact, into, progress)
        below = {"usr/bin/kube": Entry(PROGRAM, 0o755)}
        above = {f"usr/bin/{artifact.name}": Entry(b"", 0o777, "kube")}
        if artifact.name == "etcd":  # its own image has the program itself
            below, above = {}, {"usr/local/bin/etcd": Entry(PROGRAM, 0o755)}
        if artifact.name == "kube-proxy" and "no program" in self.recipes.values():
            below = {}
        write_tar(below, into / "below.tar")
        write_tar(above, into / "above.tar")
        layers = [into / "below.tar", into / "above.tar"]
        images = [(layers, ImageSettings(one)) for one in self.architectures]
        is_one = len(images) == 1
        return Produced(write_layout(*images[0], into) if is_one else write_index_layout(images, into), "build")


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    directory = tmp_path / "include" / "templates" / "kubernetes"
    (directory / VERSION).mkdir(parents=True)
    (directory / VERSION / "catalog.yaml").write_text(CATALOG)
    (directory / "base").mkdir()
    return directory


@pytest.fixture
def held(tmp_path: Path) -> SourceCache:
    return SourceCache(tmp_path / "mirror", "modules")


def fill(
    held: SourceCache, tmp_path: Path, *artifacts: Artifact, recipe: str = "r1", on: tuple[str, ...] = ("amd64",)
) -> None:
    source = SourceOfPrograms(dict.fromkeys(artifacts, PROGRAM), dict.fromkeys(artifacts, recipe), workers=1)
    source.architectures = on
    filled = Fill(source, held, tmp_path / "work", QuietBoard(), StoreInDirectory(held.registry)).run(artifacts)
    assert filled.failed == {}


def test_each_component_is_asked_by_its_name(catalog: Path, held: SourceCache, tmp_path: Path) -> None:
    fill(held, tmp_path, KUBELET, *IMAGES.values())
    assert lacks_flags(catalog)

    assert record_flags(catalog, held, Commands(), tmp_path / "scratch") == (VERSION,)

    assert not lacks_flags(catalog)
    record = read_flags((catalog / VERSION / FLAGS_FILE).read_text(), FLAGS_FILE)
    assert {name: sorted(known.flags) for name, known in record.items()} == {
        "etcd": ["of-etcd", "v"],
        "kube-apiserver": ["deprecated", "kubelet-port", "of-kube-apiserver"],
        "kube-controller-manager": ["deprecated", "of-kube-controller-manager"],
        "kube-proxy": ["deprecated", "of-kube-proxy"],
        "kube-scheduler": ["deprecated", "of-kube-scheduler"],
        "kubelet": ["deprecated", "of-kubelet"],
    }
    assert record["kubelet"].flags["of-kubelet"].type == "int"
    assert record["kubelet"].flags["deprecated"].is_deprecated
    assert list((tmp_path / "scratch" / "programs").iterdir()) == []


def test_components_are_asked_as_this_machine_can_run_them(catalog: Path, held: SourceCache, tmp_path: Path) -> None:
    fill(held, tmp_path, KUBELET.on("arm64"), *IMAGES.values(), on=("arm64",))
    assert record_flags(catalog, held, Commands(), tmp_path / "scratch") == ()

    fill(held, tmp_path, KUBELET, *IMAGES.values(), on=("amd64", "arm64"))
    assert record_flags(catalog, held, Commands(), tmp_path / "scratch") == (VERSION,)


def test_what_is_recorded_already_is_not_written_again(catalog: Path, held: SourceCache, tmp_path: Path) -> None:
    fill(held, tmp_path, KUBELET, *IMAGES.values())
    record_flags(catalog, held, Commands(), tmp_path / "scratch")
    before = (catalog / VERSION / FLAGS_FILE).stat()
    assert record_flags(catalog, held, Commands(), tmp_path / "scratch") == ()
    assert (catalog / VERSION / FLAGS_FILE).stat() == before


def test_a_release_that_the_mirror_lacks_waits(catalog: Path, held: SourceCache, tmp_path: Path) -> None:
    fill(held, tmp_path, KUBELET)
    assert record_flags(catalog, held, Commands(), tmp_path / "scratch") == ()
    assert lacks_flags(catalog)


def test_an_image_without_its_program_is_told(catalog: Path, held: SourceCache, tmp_path: Path) -> None:
    fill(held, tmp_path, KUBELET, *IMAGES.values(), recipe="no program")
    with pytest.raises(NotReadyError, match=r"image:kube-proxy:v1.37.2: no program `kube` is in the image"):
        record_flags(catalog, held, Commands(), tmp_path / "scratch")
