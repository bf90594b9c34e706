"""The installing script runs for real, in a directory of its own, against a real HTTP server."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.rendering.installs import HostDirectory, Install
from windlass.domain.scripts import install
from windlass.domain.scripts.combine import at_once, in_turn
from windlass.domain.scripts.install import (
    NO_DOWNLOAD,
    WRONG_CHECKSUM,
    directories_script,
    docker_images_script,
    install_script,
)
from windlass.domain.scripts.script import Script, changes_of

TOOL = Artifact("file", "tool", "v1")
ARCHIVE = Artifact("file", "archive", "v2")


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gave
        pass


@dataclass(frozen=True)
class Place:
    """A host's root and a mirror's, both directories."""

    root: Path
    mirror: Path
    url: str

    def put(self, artifact: Artifact, content: bytes) -> Locked:
        path = self.mirror / "files" / artifact.name / artifact.version / artifact.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return Locked("sha256:" + hashlib.sha256(content).hexdigest(), len(content), "build")

    def install(self, lock: Lock, shell: tuple[str, ...] = ("sh", "-s")) -> subprocess.CompletedProcess[str]:
        desired = [
            Install(TOOL, (("", f"{self.root}/bin/tool"),)),
            Install(ARCHIVE, (("bin/inner", f"{self.root}/bin/inner"),)),
        ]
        script = install_script(desired, lock, MirrorAddresses(self.url, "unused:1")).text
        return subprocess.run(shell, input=script, capture_output=True, text=True, check=False, timeout=60)

    @property
    def stored(self) -> list[str]:
        return sorted(path.name for path in (self.root / "artifacts").iterdir())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    root, mirror = tmp_path / "root", tmp_path / "mirror"
    mirror.mkdir()
    monkeypatch.setattr(install, "ARTIFACTS", f"{root}/artifacts")
    prelude = install._PRELUDE.replace("/opt/windlass/artifacts", f"{root}/artifacts")
    monkeypatch.setattr(install, "_PRELUDE", prelude)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(mirror)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Place(root, mirror, f"http://127.0.0.1:{server.server_address[1]}")
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def lock(place: Place) -> Lock:
    return Lock("modules", {TOOL: place.put(TOOL, b"#!/bin/sh\necho tool\n"), ARCHIVE: place.put(ARCHIVE, archive())})


@functools.cache  # a gzip says when it was made, so two would differ
def archive() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("bin/inner")
        member.size, member.mode = 5, 0o755
        tar.addfile(member, io.BytesIO(b"inner"))
    return packed.getvalue()


def test_installs_files_and_archives_and_links_them(place: Place, lock: Lock) -> None:
    done = place.install(lock)

    assert (done.returncode, done.stderr) == (0, "")
    assert len(changes_of(done.stdout)) == 4
    assert subprocess.run([place.root / "bin/tool"], capture_output=True, check=True).stdout == b"tool\n"
    assert (place.root / "bin/inner").read_text() == "inner"
    assert len(place.stored) == 2


def test_a_second_run_changes_nothing_and_needs_no_mirror(place: Place, lock: Lock) -> None:
    place.install(lock)
    for artifact in (TOOL, ARCHIVE):
        (place.mirror / "files" / artifact.name / artifact.version / artifact.name).unlink()

    again = place.install(lock)

    assert (again.returncode, changes_of(again.stdout)) == (0, ())


def test_other_bytes_than_the_lock_says_are_refused_and_leave_nothing(place: Place, lock: Lock) -> None:
    place.put(TOOL, b"#!/bin/sh\necho evil\n")

    done = place.install(lock)

    assert done.returncode == WRONG_CHECKSUM
    assert f"but the lock says {lock.digest(TOOL).removeprefix('sha256:')}" in done.stderr
    assert not (place.root / "bin").exists()
    assert place.stored == []


def test_what_the_mirror_does_not_give_is_named(place: Place, lock: Lock) -> None:
    (place.mirror / "files/archive/v2/archive").unlink()

    done = place.install(lock)

    assert done.returncode == NO_DOWNLOAD
    assert f"cannot fetch {place.url}/files/archive/v2/archive" in done.stderr


def test_a_disk_without_room_is_told_with_the_room_that_is_left(place: Place, lock: Lock) -> None:
    no_file_may_grow = ("sh", "-c", "trap '' XFSZ; ulimit -f 0; exec sh -s")

    done = place.install(lock, no_file_may_grow)

    assert done.returncode == NO_DOWNLOAD
    assert f"cannot fetch {place.url}/files/tool/v1/tool: curl: (23) " in done.stderr
    assert f"KiB are free in {place.root}/artifacts" in done.stderr
    assert place.stored == []


def test_a_run_after_one_that_failed_does_only_what_is_missing(place: Place, lock: Lock) -> None:
    (place.mirror / "files/archive/v2/archive").unlink()
    place.install(lock)
    place.put(ARCHIVE, archive())

    done = place.install(lock)

    assert done.returncode == 0
    assert [change for change in changes_of(done.stdout) if "tool" in change] == []
    assert (place.root / "bin/inner").read_text() == "inner"


def test_leftovers_of_a_run_that_broke_off_are_cleared_and_those_of_one_that_goes_on_stay(
    place: Place, lock: Lock
) -> None:
    directory = Path(install.content_directory(lock.digest(TOOL)))
    with subprocess.Popen(["sleep", "60"]) as alive:
        ended = subprocess.Popen(["true"])
        ended.wait()
        for pid in (alive.pid, ended.pid):
            part = directory.with_name(f"{directory.name}.part.{pid}")
            part.mkdir(parents=True)
            (part / "file").write_bytes(b"half")

        done = place.install(lock)
        alive.kill()

    assert done.returncode == 0
    assert (directory / "file").read_bytes() == b"#!/bin/sh\necho tool\n"
    assert [name for name in place.stored if ".part." in name] == [f"{directory.name}.part.{alive.pid}"]


def test_a_new_version_takes_the_links_place(place: Place, lock: Lock) -> None:
    place.install(lock)
    newer = Lock("modules", {**lock.artifacts, TOOL: place.put(TOOL, b"#!/bin/sh\necho newer\n")})

    place.install(newer)

    assert subprocess.run([place.root / "bin/tool"], capture_output=True, check=True).stdout == b"newer\n"
    assert len(place.stored) == 3


def test_directories_are_made_once_and_their_modes_kept(tmp_path: Path) -> None:
    desired = [HostDirectory(f"{tmp_path}/a b/data", 0o700), HostDirectory(f"{tmp_path}/open", 0o755)]

    def run() -> tuple[str, ...]:
        done = subprocess.run(
            ["sh", "-s"], input=directories_script(desired).text, capture_output=True, text=True, check=True
        )
        return changes_of(done.stdout)

    assert run() == (f"{tmp_path}/a b/data", f"{tmp_path}/open")
    assert run() == ()
    (tmp_path / "open").chmod(0o700)
    assert run() == (f"{tmp_path}/open",)


def run_script(script: Script) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-s"], input=script.text, capture_output=True, text=True, check=False, timeout=30)


def lines(*texts: str) -> tuple[Script, ...]:
    return tuple(Script("say-words", {}, text) for text in texts)


def test_scripts_in_turn_end_with_the_first_that_fails() -> None:
    assert run_script(in_turn("all", *lines("echo one; exit 0", "echo two"))).stdout == "one\ntwo\n"
    done = run_script(in_turn("all", *lines("echo one", "set -eu\nfalse; echo not reached", "echo two")))
    assert (done.returncode, done.stdout) == (1, "one\n")
    assert run_script(in_turn("all", *lines("exit 65", "echo two"))).returncode == WRONG_CHECKSUM


def test_scripts_at_once_all_run_and_one_failure_is_enough() -> None:
    done = run_script(at_once("all", *lines("exit 69", "sleep 0.1; echo two")))
    assert (done.returncode, done.stdout) == (NO_DOWNLOAD, "two\n")
    assert run_script(at_once("all", *lines("true", "exit 0"))).returncode == 0


DOCKER = """#!/bin/sh
case $1 in
  # Since 29 images by digest are listed only with -a.
  images) [ "$2" != -a ] || echo one@sha256:1 ;;
  pull) echo "$3" >> $STATE/pulled; [ "$3" != absent@sha256:3 ] || { echo no such image >&2; exit 1; } ;;
esac
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("STATE", str(tmp_path))
    return tmp_path / "pulled"


def test_only_images_that_are_missing_are_pulled(docker: Path) -> None:
    done = run_script(docker_images_script(["one@sha256:1", "two@sha256:2"]))
    assert (done.returncode, changes_of(done.stdout)) == (0, ("image two@sha256:2",))
    assert docker.read_text() == "two@sha256:2\n"


def test_an_image_that_cannot_be_pulled_is_named_and_the_others_come(docker: Path) -> None:
    done = run_script(docker_images_script(["absent@sha256:3", "two@sha256:2"]))
    assert (done.returncode, changes_of(done.stdout)) == (NO_DOWNLOAD, ("image two@sha256:2",))
    assert "cannot pull absent@sha256:3: no such image" in done.stderr
