from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from windlass.cli import main as command
from windlass.cli import mirror
from windlass.domain.artifacts import Artifact
from windlass.errors import CommandError, CommandFailure, IntegrityError, NotReadyError, WindlassError
from windlass.mirror import cache
from windlass.mirror.lock import held

from .fakes import REGISTRY, TOOL, SourceOfBytes, sha256

CONTENTS = {REGISTRY: b"registry program", TOOL: b"tool program"}


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SourceOfBytes:
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path))
    monkeypatch.delenv("WINDLASS_MIRROR_SOURCE", raising=False)
    modules = SourceOfBytes(CONTENTS)
    official = SourceOfBytes({}, unusable="no route", name="official")
    monkeypatch.setattr(mirror, "_open", lambda name, commands, asked: {"official": official, "modules": modules}[name])
    return modules


def test_fills_then_does_nothing(source: SourceOfBytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["mirror"]) == 0
    shown = capsys.readouterr().out
    assert "source `modules`, because the official sites cannot be used: no route" in shown
    assert "2 made, all 2 artifacts are there" in shown

    source.asked.clear()
    assert command.main(["mirror"]) == 0
    assert source.asked == []
    assert "all 2 artifacts are there" in capsys.readouterr().out


def test_a_full_mirror_is_not_probed_again(
    source: SourceOfBytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command.main(["mirror"])

    def open_source(name: str, commands: object, asked: object) -> SourceOfBytes:
        assert name == "modules"
        return source

    monkeypatch.setattr(mirror, "_open", open_source)
    assert command.main(["mirror"]) == 0
    assert "source `modules`, because it was taken before" in capsys.readouterr().out


def test_what_nobody_published_a_checksum_for_shows_as_unverified(
    source: SourceOfBytes, capsys: pytest.CaptureFixture[str]
) -> None:
    source.origin = "unverified"
    command.main(["mirror"])
    capsys.readouterr()

    command.main(["mirror", "list"])
    *listed, _ = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == ["unverified", "unverified"]


def test_what_was_filled_can_be_found_by_others(source: SourceOfBytes, tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="run `windlass mirror`"):
        cache.read_lock()
    command.main(["mirror"])

    assert cache.selected_source() == "modules"
    assert cache.artifact_path(TOOL).read_bytes() == b"tool program"
    assert cache.read_lock().digest(TOOL) == sha256(b"tool program")
    with pytest.raises(NotReadyError, match="file:absent:v1 is not in the mirror"):
        cache.artifact_path(Artifact("file", "absent", "v1"))
    (tmp_path / "mirror/modules/lock.json").write_text("[]")
    with pytest.raises(IntegrityError, match="is no lock"):
        cache.read_lock()


def test_only_makes_what_is_named(source: SourceOfBytes) -> None:
    assert command.main(["mirror", "--only", "tool"]) == 0
    assert source.asked == [TOOL]


def test_what_is_optional_is_made_by_name_and_kept_up_from_then_on(
    source: SourceOfBytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WINDLASS_INCLUDE", str(tmp_path / "include"))
    listed = tmp_path / "include/mirror/artifacts.yaml"
    listed.parent.mkdir(parents=True)
    listed.write_text("- {file: registry, version: v1}\n- {file: tool, version: v2, optional: true}\n")

    assert command.main(["mirror"]) == 0
    assert source.asked == [REGISTRY]
    command.main(["mirror", "list"])
    assert "optional   file:tool:v2" in capsys.readouterr().out

    assert command.main(["mirror", "--only", "tool"]) == 0
    source.recipes[TOOL] = "r2"
    assert command.main(["mirror"]) == 0
    assert source.asked == [REGISTRY, TOOL, TOOL]


def test_a_source_that_lacks_something_does_not_replace_a_full_one(
    source: SourceOfBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    command.main(["mirror"])
    official = SourceOfBytes(CONTENTS, name="official")
    monkeypatch.setattr(mirror, "_open", lambda name, commands, asked: {"official": official, "modules": source}[name])

    assert command.main(["mirror", "--source", "official", "--only", "tool"]) == 0
    assert cache.selected_source() == "modules"
    assert command.main(["mirror", "--source", "official"]) == 0
    assert cache.selected_source() == "official"


def test_an_unknown_name_is_wrong_use(source: SourceOfBytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["mirror", "--only", "tol"]) == 2
    assert "it makes registry, tool" in capsys.readouterr().err


def test_a_fill_beside_another_is_refused(source: SourceOfBytes, capsys: pytest.CaptureFixture[str]) -> None:
    with held(cache.mirror_root() / "fill.lock"):
        assert command.main(["mirror"]) == 3
    assert "is being filled by process" in capsys.readouterr().err


def test_an_unreachable_source_has_its_own_exit_code(source: SourceOfBytes) -> None:
    assert command.main(["mirror", "--source", "official"]) == 4


def test_a_failure_is_told_on_one_line(source: SourceOfBytes, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(artifact: Artifact) -> None:
        raise CommandError(CommandFailure("this machine", ["go", "build"], 1, "no space left on device"))

    source.before = fail
    assert command.main(["mirror", "--only", "tool"]) == 1
    told = capsys.readouterr().err
    assert "mirror: file:tool:v2: this machine: `go build` exited 1: no space left on device" in told
    assert "Traceback" not in told


def test_verify_repairs_what_looks_untouched(source: SourceOfBytes, capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["mirror"])
    path = cache.artifact_path(TOOL)
    times = path.stat()
    path.write_bytes(b"tool progRam")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert command.main(["mirror", "--verify"]) == 0
    assert path.read_bytes() == b"tool program"
    assert "was damaged" in capsys.readouterr().out


def test_list_shows_state_and_digest(source: SourceOfBytes, capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["mirror", "--only", "tool"])
    stray = cache.source_cache().file(REGISTRY)
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"from elsewhere")
    capsys.readouterr()

    assert command.main(["mirror", "list"]) == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.split() == ["unverified", "file:registry:v1", "-"]
    assert second.split() == ["cached", "file:tool:v2", sha256(b"tool program"), "(build)"]
    text = cache.mirror_directory().joinpath("lock.json").read_bytes()
    assert last == f"the lock has the digest {sha256(text)}"  # what `sha256sum` says, to be compared elsewhere


def test_an_interrupted_command_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, source: SourceOfBytes, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(artifact: Artifact) -> None:
        raise KeyboardInterrupt

    source.before = interrupt
    assert command.main(["mirror"]) == 130
    assert "the same command goes on from here" in capsys.readouterr().err


def test_the_lock_names_where_each_digest_comes_from(source: SourceOfBytes, tmp_path: Path) -> None:
    command.main(["mirror"])
    lock = json.loads((tmp_path / "mirror/modules/lock.json").read_text())
    assert {entry["origin"] for entry in lock["artifacts"].values()} == {"build"}


def test_errors_of_other_kinds_exit_with_one(monkeypatch: pytest.MonkeyPatch, source: SourceOfBytes) -> None:
    def fail(name: str, commands: object, asked: object) -> SourceOfBytes:
        raise WindlassError(f"{name} is odd")

    monkeypatch.setattr(mirror, "_open", fail)
    assert command.main(["mirror"]) == 1


def test_flags_that_cannot_be_recorded_do_not_fail_a_fill(
    source: SourceOfBytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "include" / "templates" / "kubernetes" / "v1.37.2" / "catalog.yaml"
    broken.parent.mkdir(parents=True)
    broken.write_text("no: release")
    (tmp_path / "include/mirror").mkdir()
    (tmp_path / "include/mirror/artifacts.yaml").write_text("[]\n")
    monkeypatch.setenv("WINDLASS_INCLUDE", str(tmp_path / "include"))
    for _ in range(2):
        assert command.main(["mirror"]) == 0
        told = capsys.readouterr()
        assert "all 2 artifacts are there" in told.out
        assert f"mirror: the flags of components were not recorded: {broken}:" in told.err


def test_a_full_mirror_asks_nobody_once_the_flags_are_recorded(
    source: SourceOfBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command.main(["mirror"]) == 0
    monkeypatch.setattr(mirror, "_record_flags", lambda *_: pytest.fail("every release has a record"))
    assert command.main(["mirror"]) == 0
