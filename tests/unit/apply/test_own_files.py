"""The script around files of the spec's own runs for real, below a directory that stands for the host's root."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from windlass.domain.host.layout import OWN
from windlass.domain.scripts.combine import in_turn
from windlass.domain.scripts.own_files import OWN_LINES, PUT_BACK, own_files_script
from windlass.domain.scripts.script import changes_of


class Host:
    """A directory with the files of a host in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "own").parent.mkdir(exist_ok=True)

    def run(self, *paths: str, text: str = "") -> tuple[str, ...]:
        # As on hosts, where it is one of several that run in turn.
        ours = in_turn("note", own_files_script(str(self.root / path) for path in paths))
        script = text or ours.text
        script = script.replace(OWN, str(self.root / "own"))
        done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=False, timeout=30)
        assert (done.returncode, done.stderr) == (0, "")
        return changes_of(done.stdout)

    def noted(self) -> list[str]:
        script = OWN_LINES.replace(OWN, str(self.root / "own"))
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, timeout=30)
        return [line.removeprefix(f"own={self.root}/") for line in done.stdout.splitlines()]

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)
        (self.root / path).chmod(mode)


def test_a_host_without_such_files_is_left_as_it_is(tmp_path: Path) -> None:
    host = Host(tmp_path)
    assert host.run() == ()
    assert list(tmp_path.iterdir()) == []
    assert host.noted() == []


def test_what_was_new_goes_with_the_directories_made_for_it(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.run("etc/new/below/a.conf")
    host.write("etc/new/below/a.conf", "ours")
    assert host.noted() == ["etc/new/below/a.conf"]
    (change,) = host.run()
    assert "gone" in change
    assert not (tmp_path / "etc").exists()
    assert host.noted() == []
    assert host.run() == ()


def test_what_lay_there_comes_back_with_its_mode(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.write("etc/a.conf", "theirs", 0o640)
    host.write("etc/b.conf", "theirs too")
    host.run("etc/a.conf", "etc/b.conf")
    for path in ("etc/a.conf", "etc/b.conf"):
        host.write(path, "ours")
    host.run("etc/a.conf", "etc/b.conf")
    (change,) = host.run("etc/b.conf")
    assert "again what it was" in change
    assert (tmp_path / "etc/a.conf").read_text() == "theirs"
    assert (tmp_path / "etc/a.conf").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "etc/b.conf").read_text() == "ours"


def test_what_was_noted_and_never_written_is_still_as_it_was(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.write("etc/a.conf", "theirs")
    host.run("etc/a.conf")
    host.run()
    assert (tmp_path / "etc/a.conf").read_text() == "theirs"


def test_a_directory_in_its_place_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "etc/a.conf").mkdir(parents=True)
    script = own_files_script([str(tmp_path / "etc/a.conf")]).text.replace(OWN, str(tmp_path / "own"))
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert "give the file another path" in done.stderr


def test_all_comes_back_when_the_cluster_goes(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.write("etc/a.conf", "theirs")
    host.run("etc/a.conf", "opt/own/b.conf")
    host.write("etc/a.conf", "ours")
    host.write("opt/own/b.conf", "ours")
    host.run(text='gone() { echo "changed: $1"; }\n' + PUT_BACK)
    assert (tmp_path / "etc/a.conf").read_text() == "theirs"
    assert not (tmp_path / "opt").exists()


def test_every_path_of_the_script_is_one_word() -> None:
    text = own_files_script(["/etc/a$(touch x)", "/etc/b"]).text
    assert re.search(r"'/etc/a\$\(touch x\)' /etc/b", text)
