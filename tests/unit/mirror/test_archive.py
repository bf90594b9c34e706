"""A mirror goes through one file unchanged; whatever is wrong with the file, nothing of it becomes a mirror."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from windlass.domain.artifacts import Artifact
from windlass.errors import IntegrityError, NotReadyError
from windlass.mirror.archive import export_mirror, import_mirror
from windlass.mirror.build_record import SourceCache
from windlass.mirror.filling import missing
from windlass.mirror.source import Produced, Progress

from .fakes import IMAGE, REGISTRY, TOOL, SourceOfBytes
from .test_filling import CONTENTS, fill_all

Members = dict[str, bytes]
SAME = Artifact("file", "same-tool", "v2")


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    held = SourceCache(tmp_path / "here" / "modules", "modules")
    fill_all(SourceOfBytes(CONTENTS), held)
    file = tmp_path / "mirror.tar"
    assert export_mirror(held, file) == file.stat().st_size
    return file


def members(file: Path) -> Members:
    with tarfile.open(file) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive.getmembers()}  # type: ignore[union-attr]


def write(file: Path, content: Members) -> Path:
    with tarfile.open(file, "w") as archive:
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file


def test_what_comes_out_is_full_and_serves_as_it_did(exported: Path, tmp_path: Path) -> None:
    lock = import_mirror(exported, tmp_path / "there")

    held = SourceCache(tmp_path / "there" / "modules", "modules")
    source = SourceOfBytes(CONTENTS)
    assert missing(source, held, source.artifacts()) == ()
    assert held.file(TOOL).read_bytes() == CONTENTS[TOOL]
    assert os.access(held.file(REGISTRY), os.X_OK)
    assert held.blob(lock.digest(IMAGE)).exists()
    assert held.tag(IMAGE).read_text().strip() == lock.digest(IMAGE)
    assert held.lock() == lock


@dataclass
class SourceOfOneProgram(SourceOfBytes):
    """Gives one program under two names, as kubelet and kubectl are."""

    program: Path = Path()

    def produce(self, artifact: Artifact, into: Path, progress: Progress) -> Produced:
        produced = super().produce(artifact, into, progress)
        if artifact in {TOOL, SAME}:
            (into / artifact.name).unlink()
            (into / artifact.name).hardlink_to(self.program)
        return produced


def test_one_program_of_two_names_is_carried_once(tmp_path: Path) -> None:
    program, contents = tmp_path / "program", {**CONTENTS, SAME: CONTENTS[TOOL]}
    program.write_bytes(CONTENTS[TOOL])
    held = SourceCache(tmp_path / "here" / "modules", "modules")
    fill_all(SourceOfOneProgram(contents, program=program), held)
    export_mirror(held, tmp_path / "mirror.tar")

    import_mirror(tmp_path / "mirror.tar", tmp_path / "there")

    there = SourceCache(tmp_path / "there" / "modules", "modules")
    assert held.file(SAME).samefile(held.file(TOOL))
    assert there.file(SAME).samefile(there.file(TOOL))
    assert there.file(SAME).read_bytes() == CONTENTS[TOOL]
    source = SourceOfBytes(contents)
    assert missing(source, there, source.artifacts()) == ()


@pytest.mark.parametrize(
    ("name", "leads_to"),
    [
        ("files/tool/v2/tool", "files/registry/v1/registry"),
        ("files/tool/v2/tool", "files/tool/v2/tool"),
        ("files/tool/v2/tool", "lock.json"),
        ("files/tool/v2/tool", "../../../../etc/passwd"),
        ("files/other/v1/other", "files/registry/v1/registry"),
    ],
)
def test_a_link_to_another_file_is_refused(exported: Path, tmp_path: Path, name: str, leads_to: str) -> None:
    found = members(exported)
    found.pop(name, None)
    file = write(tmp_path / "linked.tar", found)
    with tarfile.open(file, "a") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = tarfile.LNKTYPE, leads_to
        archive.addfile(entry)
    with pytest.raises(IntegrityError):
        import_mirror(file, tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []


def test_an_older_mirror_gives_way_to_it(exported: Path, tmp_path: Path) -> None:
    old = tmp_path / "there" / "modules" / "files" / "gone" / "v1" / "gone"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
    import_mirror(exported, tmp_path / "there")
    assert not old.exists()
    assert [one.name for one in (tmp_path / "there").iterdir()] == ["modules"]


def changed_file(found: Members) -> None:
    found["files/tool/v2/tool"] += b"!"


def changed_blob(found: Members) -> None:
    name = next(one for one in found if "/blobs/" in one)
    found[name] = b"another"


def no_blob(found: Members) -> None:
    del found[next(one for one in found if "/blobs/" in one)]


def no_file(found: Members) -> None:
    del found["files/tool/v2/tool"]


def no_stamp(found: Members) -> None:
    del found[next(one for one in found if one.startswith("stamps/file-tool"))]


def another_tag(found: Members) -> None:
    name = next(one for one in found if one.endswith("current/link"))
    found[name] = b"sha256:" + b"0" * 64


def a_link_that_names_nothing(found: Members) -> None:
    found[next(one for one in found if one.endswith("current/link"))] = b"../../../etc/passwd"


def something_else(found: Members) -> None:
    found["files/../../escaped"] = b"x"


def a_file_of_no_lock(found: Members) -> None:
    found["files/other/v1/other"] = b"x"


def no_lock_first(found: Members) -> None:
    found["lock.json"] = found.pop("lock.json")


def a_source_that_is_a_path(found: Members) -> None:
    found["lock.json"] = found["lock.json"].replace(b'"modules"', b'"../../x"')


DAMAGES = [
    (changed_file, "files/tool/v2/tool is damaged"),
    (changed_blob, "is damaged"),
    (no_blob, "it lacks"),
    (no_file, "it lacks file:tool:v2"),
    (no_stamp, "it lacks file:tool:v2"),
    (another_tag, "it lacks image:pause:3.10"),
    (a_link_that_names_nothing, "names no digest"),
    (something_else, "nothing that a mirror has"),
    (a_file_of_no_lock, "other"),
    (no_lock_first, "does not begin with lock.json"),
    (a_source_that_is_a_path, "no source that there is"),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGES)
def test_nothing_of_a_damaged_file_becomes_a_mirror(
    exported: Path, tmp_path: Path, damage: Callable[[Members], None], told: str
) -> None:
    found = members(exported)
    damage(found)
    there = tmp_path / "there"
    before = SourceCache(there / "modules", "modules")
    fill_all(SourceOfBytes({TOOL: b"older"}), before)

    with pytest.raises(IntegrityError, match=told.replace(".", r"\.")):
        import_mirror(write(tmp_path / "damaged.tar", found), there)

    assert before.file(TOOL).read_bytes() == b"older"
    assert not [one for one in there.iterdir() if one.name.startswith(".import")]
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_a_file_that_is_cut_short_is_refused(exported: Path, tmp_path: Path, share: float) -> None:
    whole = exported.read_bytes()
    exported.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(IntegrityError):
        import_mirror(exported, tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []


def test_a_member_that_comes_twice_is_refused(exported: Path, tmp_path: Path) -> None:
    with tarfile.open(exported, "a") as archive:
        entry = tarfile.TarInfo("files/tool/v2/tool")
        archive.addfile(entry, io.BytesIO(b""))
    with pytest.raises(IntegrityError, match="comes twice"):
        import_mirror(exported, tmp_path / "there")


def test_a_link_in_the_archive_is_refused(exported: Path, tmp_path: Path) -> None:
    with tarfile.open(exported, "a") as archive:
        entry = tarfile.TarInfo("files/tool/v2/other")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    with pytest.raises(IntegrityError, match="symbolic link"):
        import_mirror(exported, tmp_path / "there")


def test_a_mirror_without_a_lock_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="run `windlass mirror`"):
        export_mirror(SourceCache(tmp_path / "none", "modules"), tmp_path / "mirror.tar")
    assert not (tmp_path / "mirror.tar").exists()
