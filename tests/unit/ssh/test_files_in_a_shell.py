"""The scripts that look at files and write them, run for real in a directory of this machine, as whoever runs tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from windlass.domain.host.file_drift import (
    Absent,
    FileState,
    OtherKind,
    desired_files,
    find_file_drift,
)
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.ssh.files import RawResult, put_tree, stat

ME = f"{os.getuid()}:{os.getgid()}"


def run(argv: Sequence[str], stdin: bytes, timeout: timedelta, *, changes: bool = False) -> RawResult:
    done = subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout.total_seconds(), check=False)
    return RawResult(done.returncode, done.stdout, done.stderr.decode())


def test_every_path_is_told_of_whatever_is_there(tmp_path: Path) -> None:
    names = ("a key", "new\nline", "link", "pipe", "directory", "absent", "a key/below")
    key, line, link, pipe, directory, absent, below = (tmp_path / name for name in names)
    key.write_bytes(b"key")
    key.chmod(0o600)
    line.write_bytes(b"")
    link.symlink_to(key)
    os.mkfifo(pipe)
    directory.mkdir()

    states = stat("cp-1", run, [str(one) for one in (key, line, link, pipe, directory, absent, below)])

    told = list(states.values())
    assert [type(one) for one in told[:2]] == [FileState, FileState]
    assert told[2:] == [
        OtherKind("symbolic link"), OtherKind("special file"), OtherKind("directory"), Absent(), Absent(),
    ]  # fmt: skip
    assert find_file_drift(desired_files({str(key): RemoteFile(b"key", 0o600, ME)}), states) == ()


def test_a_key_that_is_open_to_all_is_found_and_closed_in_one_step(tmp_path: Path) -> None:
    key = tmp_path / "pki" / "apiserver.key"
    sent = {"pki/apiserver.key": RemoteFile(b"key", 0o600, ME)}
    desired = desired_files({str(key): sent["pki/apiserver.key"]})
    assert put_tree("cp-1", run, str(tmp_path), sent)
    key.chmod(0o666)
    with key.open("r+b") as held:
        drift = find_file_drift(desired, stat("cp-1", run, [str(key)]))
        assert [str(one) for one in drift] == [f"{key}: mode 0666 -> 0600"]

        assert put_tree("cp-1", run, str(tmp_path), sent)

        # Another file in its place, not the same with another mode: who has it open keeps nothing of it.
        held.write(b"other")
    assert key.read_bytes() == b"key"
    assert find_file_drift(desired, stat("cp-1", run, [str(key)])) == ()
    assert [path.name for path in tmp_path.iterdir()] == ["pki"]
    assert not put_tree("cp-1", run, str(tmp_path), sent)


def test_the_time_of_a_file_is_that_of_its_content(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    assert put_tree("cp-1", run, str(tmp_path), {"ca.crt": RemoteFile(b"one", 0o644, ME)})
    os.utime(authority, (1, 1))
    assert put_tree("cp-1", run, str(tmp_path), {"ca.crt": RemoteFile(b"one", 0o600, ME)})
    assert authority.stat().st_mtime == 1
    assert put_tree("cp-1", run, str(tmp_path), {"ca.crt": RemoteFile(b"two", 0o600, ME)})
    assert authority.stat().st_mtime > 1


def test_another_owner_is_found(tmp_path: Path) -> None:
    key = tmp_path / "apiserver.key"
    key.write_bytes(b"key")
    key.chmod(0o600)
    desired = desired_files({str(key): RemoteFile(b"key", 0o600, f"{os.getuid() + 1}:{os.getgid()}")})

    (drift,) = find_file_drift(desired, stat("cp-1", run, [str(key)]))

    assert str(drift) == f"{key}: owner {os.getuid()} -> {os.getuid() + 1}"


def test_where_nothing_can_look_nothing_is_taken_for_absent(tmp_path: Path) -> None:
    def only_xargs(argv: Sequence[str], stdin: bytes, timeout: timedelta, *, changes: bool = False) -> RawResult:
        (tmp_path / "bin").mkdir()
        for name in ("xargs", "sh"):
            (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
        return run(["env", f"PATH={tmp_path}/bin", *argv], stdin, timeout)

    key = tmp_path / "apiserver.key"
    (drift,) = find_file_drift(desired_files({str(key): RemoteFile(b"key")}), stat("cp-1", only_xargs, [str(key)]))
    assert str(drift) == f"{key} could not be looked at (the host did not tell)"
