"""The scripts of a recovery run for real, in a directory of their own, with a `docker` on PATH that restores."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from windlass.domain.host.layout import ETCD_DATA
from windlass.domain.scripts.restore import (
    Restore,
    receive_script,
    restore_script,
    stage_script,
    stop_script,
    switch_script,
    way_back,
)
from windlass.domain.scripts.script import Script, changes_of

DOCKER = """#!/bin/sh
echo "$*" >> $STATE/calls
case $1 in
  run) [ ! -e $STATE/broken ] || { echo "Error: expected sha256, got another" >&2; exit 1; }
    mkdir -p $DATA/restore-abc/data/member; echo new > $DATA/restore-abc/data/member/db ;;
  ps) case "$*" in *restarting*) ;; *control-plane*) echo api ;; *etcd*) echo etcd ;; esac ;;
esac
"""
RESTORE = Restore("abc", "cp-1", "https://a:2380", "cp-1=https://a:2380", "demo-abc", 1_000_000_000, "etcd@sha256:1")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs, made = tmp_path / "bin", tmp_path / "etcd"
    programs.mkdir()
    (made / "member").mkdir(parents=True)
    (made / "member" / "db").write_text("old\n")
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.setenv("DATA", str(made))
    return made


def run(data: Path, script: Script, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    text = script.text.replace(ETCD_DATA, str(data))
    if stdin is not None:
        subprocess.run(["sh", "-c", text], input=stdin, check=True, timeout=30)
    return subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, check=False, timeout=30)


def receive(data: Path) -> None:
    run(data, receive_script("abc"), b"snapshot")


def stage(data: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in run(data, stage_script("abc")).stdout.splitlines())


def test_the_old_data_gives_way_and_is_kept(data: Path) -> None:
    assert "stage" not in stage(data)
    receive(data)
    assert run(data, restore_script(RESTORE)).returncode == 0
    assert stage(data)["stage"] == "restored"
    assert (data / "member" / "db").read_text() == "old\n"
    assert not (data / "restore-abc" / "snapshot.db").exists()

    assert len(changes_of(run(data, switch_script("abc")).stdout)) == 2

    assert (data / "member" / "db").read_text() == "new\n"
    assert (data / "member.before-abc" / "db").read_text() == "old\n"
    assert stage(data)["stage"] == "switched"
    assert not list(data.glob("restore-*"))


def test_a_second_run_of_each_step_changes_nothing(data: Path) -> None:
    receive(data)
    run(data, restore_script(RESTORE))
    assert changes_of(run(data, restore_script(RESTORE)).stdout) == ()
    run(data, switch_script("abc"))
    (data / "member" / "db").write_text("written since\n")

    again = run(data, switch_script("abc"))

    assert (again.returncode, changes_of(again.stdout)) == (0, ())
    assert (data / "member" / "db").read_text() == "written since\n"


def test_a_switch_that_was_broken_off_between_its_two_renames_is_finished(data: Path) -> None:
    receive(data)
    run(data, restore_script(RESTORE))
    (data / "member").rename(data / "member.before-abc")

    run(data, switch_script("abc"))

    assert (data / "member" / "db").read_text() == "new\n"
    assert (data / "member.before-abc" / "db").read_text() == "old\n"


def test_where_there_was_no_data_none_is_kept(data: Path) -> None:
    (data / "member" / "db").unlink()
    (data / "member").rmdir()
    receive(data)
    run(data, restore_script(RESTORE))
    assert changes_of(run(data, switch_script("abc")).stdout) == ("put the restored data in place",)


def test_a_snapshot_that_etcdutl_refuses_leaves_everything_as_it_was(data: Path, tmp_path: Path) -> None:
    receive(data)
    (tmp_path / "broken").touch()

    done = run(data, restore_script(RESTORE))

    assert done.returncode == 1
    assert "expected sha256" in done.stderr
    assert (data / "member" / "db").read_text() == "old\n"
    assert "stage" not in stage(data)


def test_what_restores_has_no_network_and_no_rights(data: Path, tmp_path: Path) -> None:
    receive(data)
    run(data, restore_script(RESTORE))
    (call,) = [line for line in (tmp_path / "calls").read_text().splitlines() if line.startswith("run ")]
    for words in ("--network none", "--cap-drop ALL", "--read-only", "--entrypoint etcdutl etcd@sha256:1 snapshot"):
        assert words in call
    for words in ("--bump-revision=1000000000", "--mark-compacted", "--initial-cluster-token=demo-abc"):
        assert words in call


def test_the_api_is_stopped_before_etcd_and_not_waited_for(data: Path, tmp_path: Path) -> None:
    assert changes_of(run(data, stop_script()).stdout) == ("stopped the control plane", "stopped etcd")
    stops = [line for line in (tmp_path / "calls").read_text().splitlines() if line.startswith("stop ")]
    assert stops == ["stop -t 0 api", "stop -t 10 etcd"]


def test_says_how_to_go_back() -> None:
    assert "member.before-abc" in way_back("abc", ("cp-1", "cp-2"))
    assert "Going back" in way_back("abc", ("cp-1",))
