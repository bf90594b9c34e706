"""A mirror for more than one architecture: what amd64 has keeps its names and bytes, all others have their own."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.cli import main as command
from windlass.domain.architectures import ARCHITECTURES, architecture_of, in_order
from windlass.domain.artifacts import Artifact, Lock, Locked, lock_text, parse_lock
from windlass.errors import CommandError, CommandFailure, IntegrityError, SpecError
from windlass.mirror import cache, golang, places
from windlass.mirror.architecture_choice import SETTING, architectures_of, configured, held
from windlass.mirror.archive import export_mirror, import_mirror
from windlass.mirror.build_record import SourceCache
from windlass.mirror.commands import Commands
from windlass.mirror.debian import Apt
from windlass.mirror.filling import missing, with_registry
from windlass.mirror.golang import Builder, Toolchain
from windlass.mirror.layers import file_digest
from windlass.mirror.modules import ModulesSource
from windlass.mirror.recipes import Recipes

from .fakes import IMAGE, REGISTRY, TOOL, QuietBoard, SourceOfBytes, lay_recipes
from .test_archive import members, write
from .test_filling import fill_all
from .test_modules import NEEDED, RECIPES

TOOL_ARM = TOOL.on("arm64")
CONTENTS = {REGISTRY: b"registry program", TOOL: b"tool", TOOL_ARM: b"tool of arm64", IMAGE: b"pause"}
QUIET = QuietBoard().start(TOOL)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
VERSIONS = st.from_regex(r"v?[0-9][0-9a-z.+-]{0,8}", fullmatch=True)
KINDS: Any = st.sampled_from(("file", "image"))
ARTIFACTS = st.builds(Artifact, KINDS, NAMES, VERSIONS).flatmap(lambda one: st.sampled_from(ARCHITECTURES).map(one.on))
DIGESTS = st.integers(0, 9).map(lambda n: f"sha256:{n:064x}")
MANIFESTS = st.dictionaries(st.sampled_from(ARCHITECTURES), DIGESTS)
LOCKS = st.builds(
    Lock,
    st.just("modules"),
    st.dictionaries(
        ARTIFACTS, st.builds(Locked, DIGESTS, st.integers(0), st.just("build"), st.just(""), manifests=MANIFESTS)
    ),
)


@pytest.fixture(autouse=True)
def on_amd64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places.platform, "machine", lambda: "x86_64")
    monkeypatch.delenv(SETTING, raising=False)


@given(ARTIFACTS)
def test_the_name_of_an_artifact_leads_back_to_it_and_says_nothing_of_amd64(artifact: Artifact) -> None:
    assert Artifact.parse(str(artifact)) == artifact
    assert "amd64" not in str(artifact)
    assert ("@" in str(artifact)) == (artifact.kind == "file" and artifact.architecture != "amd64")


@pytest.mark.parametrize("name", ["file:tool:v1@amd64", "file:tool:v1@"])
def test_no_artifact_has_two_names(name: str) -> None:
    with pytest.raises(ValueError, match="without `@`"):
        Artifact.parse(name)


@given(LOCKS)
def test_a_lock_is_read_as_it_was_written(lock: Lock) -> None:
    assert parse_lock(lock_text(lock)) == lock
    assert lock_text(parse_lock(lock_text(lock))) == lock_text(lock)


def test_a_lock_for_amd64_alone_has_the_text_that_it_had_before_there_were_others() -> None:
    lock = Lock("modules", {TOOL: Locked("sha256:1", 2, "build"), IMAGE: Locked("sha256:3", 4, "build")})
    assert json.loads(lock_text(lock))["artifacts"] == {
        "file:tool:v2": {"digest": "sha256:1", "size": 2, "origin": "build"},
        "image:pause:3.10": {"digest": "sha256:3", "size": 4, "origin": "build"},
    }


@pytest.mark.parametrize("manifests", ['["arm64"]', '{"arm64": 1}', '"arm64"'])
def test_manifests_of_another_form_are_no_lock(manifests: str) -> None:
    text = f'{{"source": "modules", "artifacts": {{"image:pause:3.10": {{"digest": "sha256:1", "size": 1, "origin": "build", "manifests": {manifests}}}}}}}'  # noqa: E501
    with pytest.raises(IntegrityError, match="not readable"):
        parse_lock(text)


def test_a_lock_tells_what_each_architecture_can_have() -> None:
    both = Locked("sha256:9", 1, "build", manifests={"amd64": "sha256:1", "arm64": "sha256:2"})
    one = Artifact("image", "other", "v1")
    lock = Lock("modules", {TOOL: Locked("sha256:3", 1, "build"), IMAGE: both, one: Locked("sha256:4", 1, "build")})

    assert [lock.has(artifact, "amd64") for artifact in (TOOL, IMAGE, one)] == [True, True, True]
    assert [lock.has(artifact, "arm64") for artifact in (TOOL, IMAGE, one)] == [False, True, False]
    assert (both.digest_on("arm64"), lock.artifacts[one].digest_on("amd64")) == ("sha256:2", "sha256:4")
    with pytest.raises(IntegrityError, match=r"file:tool:v2@arm64 is not in the lock.*`windlass mirror --arch arm64`"):
        lock.digest(TOOL_ARM)


@pytest.fixture
def both(tmp_path: Path) -> SourceCache:
    mirror = SourceCache(tmp_path / "here" / "modules", "modules")
    fill_all(SourceOfBytes(CONTENTS, architectures=ARCHITECTURES), mirror)
    return mirror


def test_each_architecture_has_its_files_and_all_have_one_image(both: SourceCache) -> None:
    lock = both.lock()
    assert (both.directory / "files/tool/v2/tool").read_bytes() == b"tool"
    assert (both.directory / "files/tool/v2/arm64/tool").read_bytes() == b"tool of arm64"
    assert lock.digest(TOOL) != lock.digest(TOOL_ARM)
    index = json.loads(both.blob(lock.digest(IMAGE)).read_bytes())
    of_each = {one["platform"]["architecture"]: one["digest"] for one in index["manifests"]}
    assert of_each == dict(lock.artifacts[IMAGE].manifests)
    assert tuple(of_each) == ARCHITECTURES
    for architecture, digest in of_each.items():
        manifest = json.loads(both.blob(digest).read_bytes())
        assert json.loads(both.blob(manifest["config"]["digest"]).read_bytes())["architecture"] == architecture


def test_an_image_for_one_architecture_alone_stays_a_manifest(tmp_path: Path) -> None:
    alone, arm = (SourceCache(tmp_path / name, "modules") for name in ("amd64", "arm64"))
    for mirror in (alone, arm):
        source = SourceOfBytes({REGISTRY: b"r", IMAGE: b"pause"}, architectures=(mirror.directory.name,))
        fill_all(source, mirror)

    assert alone.lock().artifacts[IMAGE].manifests == {}
    digest = arm.lock().digest(IMAGE)
    assert arm.lock().artifacts[IMAGE].manifests == {"arm64": digest}
    assert "layers" in json.loads(arm.blob(digest).read_bytes())


def test_a_mirror_of_two_architectures_goes_through_a_file(both: SourceCache, tmp_path: Path) -> None:
    export_mirror(both, tmp_path / "mirror.tar")
    lock = import_mirror(tmp_path / "mirror.tar", tmp_path / "there")

    there = SourceCache(tmp_path / "there" / "modules", "modules")
    source = SourceOfBytes(CONTENTS, architectures=ARCHITECTURES)
    assert missing(source, there, source.artifacts()) == ()
    assert there.file(TOOL_ARM).read_bytes() == b"tool of arm64"
    assert there.lock() == lock == both.lock()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"files/tool/v2/arm64/tool": b"another"}, "is damaged"),
        ({"files/tool/v2/amd64/tool": b"tool"}, "nothing that a mirror has"),
        ({"files/tool/v2/sparc/tool": b"tool"}, "nothing that a mirror has"),
        ({"stamps/file-tool-v2@sparc.json": b"{}"}, "nothing that a mirror has"),
        ({"files/registry/v1/arm64/registry": b"x"}, "not in the lock"),
    ],
)
def test_what_is_no_part_of_the_mirror_is_refused(
    both: SourceCache, tmp_path: Path, changed: dict[str, bytes], told: str
) -> None:
    export_mirror(both, tmp_path / "mirror.tar")
    file = write(tmp_path / "changed.tar", members(tmp_path / "mirror.tar") | changed)
    with pytest.raises(IntegrityError, match=told):
        import_mirror(file, tmp_path / "there")


def test_a_file_that_lacks_what_one_architecture_has_is_refused(both: SourceCache, tmp_path: Path) -> None:
    export_mirror(both, tmp_path / "mirror.tar")
    found = members(tmp_path / "mirror.tar")
    del found["files/tool/v2/arm64/tool"]
    with pytest.raises(IntegrityError, match=r"lacks file:tool:v2@arm64 \(files/tool/v2/arm64/tool\)"):
        import_mirror(write(tmp_path / "changed.tar", found), tmp_path / "there")


def test_an_archive_whose_lock_promises_another_architecture_is_refused(both: SourceCache, tmp_path: Path) -> None:
    export_mirror(both, tmp_path / "mirror.tar")
    found = members(tmp_path / "mirror.tar")
    lock = json.loads(found["lock.json"])
    lock["artifacts"]["image:pause:3.10"]["manifests"]["riscv64"] = "sha256:" + "0" * 64
    found["lock.json"] = json.dumps(lock).encode()
    with pytest.raises(IntegrityError, match="lacks image:pause"):
        import_mirror(write(tmp_path / "changed.tar", found), tmp_path / "there")


LOCK_OF_BOTH = Lock(
    "modules",
    {
        TOOL: Locked("sha256:1", 1, "build"),
        IMAGE: Locked("sha256:2", 1, "build", manifests={"amd64": "sha256:3", "arm64": "sha256:4"}),
    },
)


def test_what_a_mirror_has_stays_whatever_is_asked_for() -> None:
    assert architectures_of((), None) == ("amd64",)
    assert architectures_of(("arm64",), None) == ("arm64",)
    assert architectures_of((), LOCK_OF_BOTH) == ("amd64", "arm64")
    assert architectures_of(("arm64",), Lock("modules", {TOOL: Locked("sha256:1", 1, "build")})) == ("amd64", "arm64")
    only_registry = Lock("modules", {REGISTRY: Locked("sha256:1", 1, "build")})
    assert held(only_registry) == ()  # it runs where the mirror is filled


def test_the_command_line_goes_before_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "arm64, amd64")
    assert configured() == ("amd64", "arm64")
    assert configured(["arm64"]) == ("arm64",)
    monkeypatch.setenv(SETTING, "sparc")
    with pytest.raises(SpecError, match="must be one of amd64, arm64"):
        configured()


@given(st.sets(st.sampled_from(ARCHITECTURES)), LOCKS)
def test_no_fill_takes_an_architecture_away(asked: set[str], lock: Lock) -> None:
    chosen = architectures_of(in_order(asked), lock)
    assert {*asked, *held(lock)} <= set(chosen)
    assert chosen == in_order(chosen)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_images_always_go_through_the_registry_of_this_machine(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places.platform, "machine", lambda: machine)
    available = tuple(places.on_architectures((REGISTRY, TOOL, IMAGE), ("arm64",)))

    chosen = with_registry((IMAGE,), available)

    assert chosen == (REGISTRY.on(architecture_of(machine)), IMAGE)
    assert set(available) == {*chosen, REGISTRY.on("arm64"), TOOL_ARM}


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    return lay_recipes(tmp_path / "recipes", RECIPES, NEEDED)


def modules_source(recipes: Path, kept: Path, *architectures: str) -> ModulesSource:
    for one in architectures:
        build = kept / "tool" / Recipes(recipes, one).build_hash("tool")[:16]
        build.mkdir(parents=True, exist_ok=True)
        (build / "tool").write_bytes(f"program of {one}".encode())
        (build / "digests.json").write_text(json.dumps({"tool": file_digest(build / "tool")}))
    return ModulesSource(recipes, kept, kept / "scratch", Commands(), architectures)


def test_modules_are_built_for_each_architecture(recipes: Path, tmp_path: Path) -> None:
    source = modules_source(recipes, tmp_path / "kept", *ARCHITECTURES)
    tool, image = Artifact("file", "tool", "v1"), Artifact("image", "tool", "v1")
    made = {}
    for artifact in source.artifacts():
        into = tmp_path / str(artifact)
        into.mkdir()
        made[artifact] = source.produce(artifact, into, QUIET).path

    assert made[tool].read_bytes() == b"program of amd64"
    assert made[tool.on("arm64")].read_bytes() == b"program of arm64"
    programs = {
        architecture: program
        for architecture in ARCHITECTURES
        for blob in (made[image] / "blobs/sha256").iterdir()
        if (program := f"program of {architecture}".encode()) in blob.read_bytes()
    }
    assert set(programs) == set(ARCHITECTURES)


def test_another_architecture_changes_no_recipe_of_amd64_but_that_of_images(recipes: Path, tmp_path: Path) -> None:
    alone = modules_source(recipes, tmp_path / "kept", "amd64")
    mixed = modules_source(recipes, tmp_path / "kept", *ARCHITECTURES)
    for artifact in alone.artifacts():
        assert (alone.recipe_hash(artifact) == mixed.recipe_hash(artifact)) == (artifact.kind == "file")
    hashes = [mixed.recipe_hash(artifact) for artifact in mixed.artifacts()]
    assert len(set(hashes)) == len(hashes)


class Words(Commands):
    """Remembers what was to be run, with its environment."""

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[tuple[list[str], dict[str, str]]] = []

    def run(self, argv: Any, *, directory: Path, environment: Any = None, on_line: Any = None) -> str:
        self.ran.append((list(argv), dict(environment or {})))
        if "policy" in argv:
            return "runc:\n  Installed: (none)\n  Candidate: 1.1.5\n"
        return ""


def test_c_is_compiled_by_the_compiler_of_the_architecture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(golang, "require", lambda program, advice: program)
    commands = Words()
    toolchain = Toolchain(commands, QUIET)
    for one in ARCHITECTURES:
        toolchain.cc(tmp_path / "pause.c", tmp_path / "pause", one)
        toolchain.go(tmp_path, "build", architecture=one, libraries=tmp_path)

    (own, _), (_, own_go), (other, _), (_, other_go) = commands.ran
    assert (own[0], own_go.get("CC"), own_go["GOARCH"]) == ("gcc", None, "amd64")
    assert (other[0], other_go["CC"]) == ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-gcc")
    assert (other_go["GOARCH"], other_go["CGO_ENABLED"]) == ("arm64", "1")


def test_a_compiler_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Exception, match="apt-get install gcc-aarch64-linux-gnu"):
        golang.compiler("arm64")


def test_apt_serves_another_architecture_without_any_change_of_the_machine(tmp_path: Path) -> None:
    commands = Words()
    assert Apt(commands, tmp_path, "arm64").version("runc") == "1.1.5"
    own = Words()
    Apt(own, tmp_path, "amd64").version("runc")

    (update, _), (policy, _) = commands.ran
    assert (update[0], update[-1]) == ("apt-get", "update")
    for argv in (update, policy):
        assert "APT::Architecture=arm64" in argv
        assert f"Dir::State::lists={tmp_path}/arm64/lists" in argv
        assert f"Dir::State::status={tmp_path}/arm64/no-packages" in argv
    assert "APT::Get::AllowUnauthenticated=false" in update
    assert [argv for argv, _ in own.ran] == [["apt-cache", "policy", "runc"]]


class SlowIndex(Words):
    """Has packages only once the lists are there, which takes a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.has_lists = self.fails = False

    def run(self, argv: Any, **given: Any) -> str:
        if argv[-1] == "update":
            time.sleep(0.1)
            self.has_lists = not self.fails
            if self.fails:
                raise CommandError(CommandFailure("this machine", argv, 100, "no route"))
        shown = super().run(argv, **given)
        return shown if self.has_lists else ""


def test_who_comes_while_the_lists_are_fetched_waits_for_them(tmp_path: Path) -> None:
    commands = SlowIndex()
    apt = Apt(commands, tmp_path, "arm64")
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(apt.version, ["runc"] * 4)) == {"1.1.5"}
    assert [argv[-1] for argv, _ in commands.ran].count("update") == 1


def test_lists_that_could_not_be_fetched_are_asked_for_again(tmp_path: Path) -> None:
    commands = SlowIndex()
    apt = Apt(commands, tmp_path, "arm64")
    commands.fails = True
    for _ in range(2):
        with pytest.raises(CommandError, match="no route"):
            apt.version("runc")
    commands.fails = False
    assert apt.version("runc") == "1.1.5"


def test_a_builder_keeps_programs_of_architectures_apart(recipes: Path, tmp_path: Path) -> None:
    modules_source(recipes, tmp_path / "kept", *ARCHITECTURES)
    made = {one: Builder(Recipes(recipes, one), tmp_path / "kept", Commands()) for one in ARCHITECTURES}
    assert {one: builder.program("tool/tool", QUIET).read_bytes() for one, builder in made.items()} == {
        "amd64": b"program of amd64",
        "arm64": b"program of arm64",
    }


def test_the_command_takes_architectures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], recipes: Path
) -> None:
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path / "cache"))
    modules_source(recipes, cache.mirror_root() / "builds", *ARCHITECTURES)
    monkeypatch.setattr(places, "recipes_directory", lambda: recipes)
    monkeypatch.setattr(ModulesSource, "problem", lambda _: None)

    def made() -> set[str]:
        cache.select_source("modules")
        assert command.main(["mirror", "list"]) == 0
        listed = capsys.readouterr().out.splitlines()
        return {line.split()[1] for line in listed if line.startswith("cached")}

    assert command.main(["mirror", "--source", "modules", "--only", "tool"]) == 1  # its image needs the registry
    assert made() == {"file:tool:v1"}
    command.main(["mirror", "--source", "modules", "--only", "tool", "--arch", "arm64"])
    assert made() == {"file:tool:v1", "file:tool:v1@arm64"}
