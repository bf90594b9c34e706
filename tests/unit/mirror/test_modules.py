from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from windlass.domain.artifacts import Artifact
from windlass.errors import WindlassError
from windlass.mirror.c_libraries import cgo_environment, lay_out
from windlass.mirror.commands import Commands
from windlass.mirror.debian import Entry
from windlass.mirror.golang import Builder, Toolchain, build_into, empty_package
from windlass.mirror.layers import file_digest
from windlass.mirror.modules import ModulesSource
from windlass.mirror.recipes import Debian, Recipes

from .fakes import QuietBoard, lay_recipes

TOOL = Artifact("file", "tool", "v1")
TOOLS = Artifact("file", "tools", "v1")
IMAGE = Artifact("image", "tool", "v1")
QUIET = QuietBoard().start(TOOL)

RECIPES = """
builds:
  tool: {c: tool.c}
files:
  tool: {program: tool/tool}
  tools: {archive: {bin/b: tool/tool, bin/a: tool/tool}}
layers:
  base: {texts: {etc/passwd: "root:x:0:0::/:/bin/sh\\n"}, directories: [tmp]}
  tool: {programs: {usr/bin/tool: tool/tool}, links: {usr/bin/other: tool}}
images:
  tool: {layers: [base, tool], entrypoint: [/usr/bin/tool]}
"""
NEEDED = """
- {file: tool, version: v1}
- {file: tools, version: v1}
- {image: tool, version: v1}
- {file: from-elsewhere, version: v1}
"""


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    return lay_recipes(tmp_path / "recipes", RECIPES, NEEDED)


def source(recipes: Path, kept: Path) -> ModulesSource:
    """Make a source whose one build is kept already, so that no compiler is needed."""
    build = kept / "tool" / Recipes(recipes).build_hash("tool")[:16]
    build.mkdir(parents=True)
    (build / "tool").write_bytes(b"program")
    (build / "digests.json").write_text(json.dumps({"tool": file_digest(build / "tool")}))
    return ModulesSource(recipes, kept, kept / "scratch", Commands())


def test_makes_what_has_a_recipe(recipes: Path, tmp_path: Path) -> None:
    assert source(recipes, tmp_path / "kept").artifacts() == (TOOL, TOOLS, IMAGE)


def test_a_program_is_the_kept_build(recipes: Path, tmp_path: Path) -> None:
    produced = source(recipes, tmp_path / "kept").produce(TOOL, tmp_path, QUIET)

    assert (produced.path.read_bytes(), produced.origin) == (b"program", "build")


def test_an_archive_holds_programs_in_order_and_without_times(recipes: Path, tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(source(recipes, tmp_path / f"kept-{name}").produce(TOOLS, tmp_path / name, QUIET).path)

    assert made[0].read_bytes() == made[1].read_bytes()
    with tarfile.open(made[0], "r:gz") as archive:
        assert [(member.name, member.mode, member.mtime) for member in archive] == [
            ("bin", 0o755, 0),
            ("bin/a", 0o755, 0),
            ("bin/b", 0o755, 0),
        ]


def test_an_image_is_the_same_wherever_it_is_composed(recipes: Path, tmp_path: Path) -> None:
    indexes = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        layout = source(recipes, tmp_path / f"kept-{name}").produce(IMAGE, tmp_path / name, QUIET).path
        indexes.append((layout / "index.json").read_bytes())

    assert indexes[0] == indexes[1]
    assert len(list((layout / "blobs/sha256").iterdir())) == 4


def test_a_package_is_emptied_to_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.go").write_text('// A backend.\n//go:build linux\n\npackage udp\n\nimport "C"\n')
    (tmp_path / "b_windows.go").write_text("package udp\n")

    empty_package(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["empty.go"]
    assert (tmp_path / "empty.go").read_text() == "package udp\n"


def test_says_what_to_install_where_a_compiler_is_missing(
    recipes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(WindlassError, match="`gcc` is not on PATH; install a C compiler"):
        Builder(Recipes(recipes), tmp_path / "kept", Commands()).program("tool/tool", QUIET)
    problem = ModulesSource(recipes, tmp_path, tmp_path, Commands()).problem()
    assert problem is not None
    assert "`go` is not on PATH; install Go" in problem


class Vendoring(Toolchain):
    """A toolchain whose `go mod vendor` gives two packages, and whose builds give what they were told."""

    def __init__(self) -> None:
        super().__init__(Commands(), QUIET)
        self.built: list[tuple[str, ...]] = []
        self.linked: list[Path | None] = []

    def libraries(self, debian: Debian, into: Path) -> Path:
        lay_out(
            {"usr/include/small.h": Entry(b"int small;\n", 0o644), "usr/lib/x/libsmall.a": Entry(b"!", 0o644)}, into
        )
        return into

    def go(self, directory: Path, *arguments: str, architecture: str, libraries: Path | None = None) -> None:
        self.linked.append(libraries)
        if arguments[:2] == ("mod", "vendor"):
            for package in ("left-out", "substituted"):
                (directory / "vendor/example.org" / package).mkdir(parents=True)
                (directory / "vendor/example.org" / package / "all.go").write_text(f"package {package[:4]}\n// all\n")
        else:
            self.built.append(arguments)


def test_packages_are_changed_in_a_copy_before_the_build(recipes: Path, tmp_path: Path) -> None:
    (recipes / "modules/daemon/_ours").mkdir(parents=True)
    (recipes / "modules/daemon/go.mod").write_text("module windlass/daemon\n")
    (recipes / "modules/daemon/_ours/small.go").write_text("package subs\n")
    (recipes / "modules.yaml").write_text("""
builds:
  daemon:
    packages: {daemond: example.org/daemon}
    variables: {example.org/version.Version: v1}
    emptied: [example.org/left-out]
    replaced: {example.org/substituted: _ours}
""")
    toolchain = Vendoring()

    build_into(Recipes(recipes), "daemon", tmp_path / "source", tmp_path / "out", toolchain)

    vendored = tmp_path / "source/vendor/example.org"
    assert {str(path.relative_to(vendored)): path.read_text() for path in vendored.rglob("*.go")} == {
        "left-out/empty.go": "package left\n",
        "substituted/small.go": "package subs\n",
    }
    assert not (recipes / "modules/daemon/vendor").exists()
    (built,) = toolchain.built
    assert built[-1] == "example.org/daemon"
    assert "-trimpath" in built
    assert "-X=example.org/version.Version=v1" in built[built.index("-ldflags") + 1]


def test_c_in_a_program_is_linked_statically_with_what_was_laid_out_for_it(recipes: Path, tmp_path: Path) -> None:
    (recipes / "modules/daemon").mkdir()
    (recipes / "modules/daemon/go.mod").write_text("module windlass/daemon\n")
    (recipes / "modules.yaml").write_text("""
builds:
  daemon:
    packages: {daemond: example.org/daemon}
    tags: [small, netgo]
    language: {example.org/old/...: go1.26}
    c_libraries: {packages: [libsmall-dev], files: [usr/include/small.h]}
""")
    toolchain = Vendoring()

    build_into(Recipes(recipes), "daemon", tmp_path / "source", tmp_path / "out", toolchain)

    ((built,), (libraries,)) = toolchain.built, toolchain.linked
    assert built[built.index("-tags") + 1] == "small,netgo"
    assert "-gcflags=example.org/old/...=-lang=go1.26" in built
    assert "-extldflags=-static" in built[built.index("-ldflags") + 1]
    assert libraries is not None
    assert {path.name for path in libraries.iterdir()} == {"small.h", "libsmall.a"}
    told = cgo_environment(libraries)
    assert (told["CGO_CFLAGS"], told["CGO_LDFLAGS"]) == (f"-O2 -I{libraries}", f"-L{libraries} -lsmall")
