"""Each change carries the counter of its lease, over the connection's own code and a real shell of this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from windlass.domain.host.layout import FENCE
from windlass.domain.scripts.fence import fenced
from windlass.domain.scripts.script import Script
from windlass.effects.ssh import client, files
from windlass.effects.ssh.client import SshConnection
from windlass.effects.ssh.connection import Connection, RemoteFile, SshTarget
from windlass.effects.ssh.exchange import Request
from windlass.effects.ssh.fake import FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.errors import LostLeaseError

CHANGE = Script("do-it", {}, "echo done")
LOOK = Script("look", {}, "echo seen", is_look=True)


@dataclass
class Guard:
    """A lease with a counter, of which another run may have taken the place."""

    number: int
    is_lost: bool = False
    asked: list[str] = field(default_factory=list)

    def check(self) -> None:
        self.counter()

    def counter(self) -> int:
        self.asked.append("counter")
        if self.is_lost:
            raise LostLeaseError("lost")
        return self.number

    def surpass(self, host: str, seen: int) -> None:
        self.asked.append(f"{host} has seen {seen}")
        if self.is_lost:
            raise LostLeaseError("lost")
        self.number = seen + 1


class Suspended(Guard):
    """Does not know yet that it has lost its lease; the host does."""

    def surpass(self, host: str, seen: int) -> None:
        raise LostLeaseError(f"{host} has seen {seen}")


@dataclass
class Sent:
    """The command lines that went to the host."""

    lines: list[str] = field(default_factory=list)

    def exchange(self, _: Any, request: Request) -> int:
        self.lines.append(request.line)
        done = subprocess.run(["sh", "-c", request.line], input=request.stdin or b"", capture_output=True, check=False)
        request.out.feed(done.stdout)
        request.err.feed(done.stderr)
        return done.returncode


@pytest.fixture
def fence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "etc" / "fence"
    monkeypatch.setattr(client, "fenced", partial(fenced, path=str(path)))
    return path


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    made = Sent()
    monkeypatch.setattr(client, "exchange", made.exchange)
    return made


class NoSessions:
    """Sessions of a host that is this machine."""

    def session(self) -> None:
        return None


def local(guard: Guard | None) -> SshConnection:
    made = SshConnection(SshTarget("cp-1", "192.0.2.1", "root", ""), NoSessions(), [])  # type: ignore[arg-type]
    if guard is not None:
        made.guard_changes(guard)
    return made


def owner_of(path: Path) -> str:
    return f"{path.stat().st_uid}:{path.stat().st_gid}"


CHANGES: dict[str, Callable[[Connection, Path], object]] = {
    "script": lambda connection, _: connection.run_script(CHANGE).stdout == "done\n",
    "put": lambda connection, at: connection.put(f"{at}/one", b"1", owner=owner_of(at)),
    "put_tree": lambda connection, at: connection.put_tree(
        f"{at}/tree", {"two": RemoteFile(b"2", 0o600, owner_of(at))}
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_leaves_its_counter_on_the_host(
    change: Callable[[Connection, Path], object], fence: Path, sent: Sent, tmp_path: Path
) -> None:
    assert change(local(Guard(7)), tmp_path)
    assert fence.read_text() == "7\n"


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_by_an_older_lease_is_refused_by_the_host_and_changes_nothing(
    change: Callable[[Connection, Path], object], fence: Path, sent: Sent, tmp_path: Path
) -> None:
    local(Guard(8)).run_script(CHANGE)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(LostLeaseError, match="cp-1 has seen 8"):
        change(local(Suspended(7)), tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_once_the_lease_is_known_to_be_lost_no_change_is_sent(
    change: Callable[[Connection, Path], object], fence: Path, sent: Sent, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(LostLeaseError):
        change(local(Guard(7, is_lost=True)), tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
    assert not fence.exists()


def test_the_counter_costs_no_round_trip(fence: Path, sent: Sent, tmp_path: Path) -> None:
    for guard in (None, Guard(7)):
        sent.lines.clear()
        connection = local(guard)
        connection.run_script(CHANGE)
        connection.put(f"{tmp_path}/{guard}", b"1", owner=owner_of(tmp_path))
        assert len(sent.lines) == 2


def test_what_only_looks_carries_no_counter_and_is_answered_all_the_same(
    fence: Path, sent: Sent, tmp_path: Path
) -> None:
    local(Guard(9)).run_script(CHANGE)
    connection = local(Guard(7, is_lost=True))
    assert connection.run_script(LOOK).stdout == "seen\n"
    assert connection.run(["echo", "seen"]).stdout == "seen\n"
    assert connection.read(str(tmp_path / "none")) is None
    assert len(connection.stat([str(tmp_path)])) == 1


def test_a_counter_that_the_store_has_lost_goes_above_that_of_the_host(fence: Path, sent: Sent) -> None:
    local(Guard(40)).run_script(CHANGE)
    guard = Guard(1)
    assert local(guard).run_script(CHANGE).stdout == "done\n"
    assert guard.number == 41
    assert fence.read_text() == "41\n"
    assert guard.asked == ["counter", "cp-1 has seen 40", "counter"]


def test_a_host_that_makes_up_ever_higher_counters_is_left_alone(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    counters = iter(range(100, 200))

    def lie(_: Any, request: Request) -> int:
        request.err.feed(f"windlass: overtaken by lease {next(counters)}\n".encode())
        return 93

    monkeypatch.setattr(client, "exchange", lie)
    with pytest.raises(LostLeaseError, match="cp-1: refused by the host"):
        local(Guard(1)).run_script(CHANGE)


def test_a_host_in_memory_refuses_as_a_real_one_does() -> None:
    host = FakeHost("cp-1")
    host.on_script("do-it", "done\n")
    connections = Connections(FakeHosts([host]).targets(), FakeHosts([host]))
    connections.guard_changes(Guard(8))
    connections.get("cp-1").run_script(CHANGE)
    assert host.files[FENCE] == RemoteFile(b"8\n", mode=0o600)

    older = host.connect()
    older.guard_changes(Suspended(7))
    for change in (lambda: older.run_script(CHANGE), lambda: older.put("/x", b"1"), lambda: older.open_script(CHANGE)):
        with pytest.raises(LostLeaseError, match="cp-1 has seen 8"):
            change()
    assert "/x" not in host.files
    assert host.files[FENCE].content == b"8\n"


def test_files_are_sent_as_changes_and_looked_at_as_none(tmp_path: Path) -> None:
    asked = []

    def run(argv: Any, stdin: bytes, timeout: Any, *, changes: bool = False) -> files.RawResult:
        asked.append(changes)
        done = subprocess.run(argv, input=stdin, capture_output=True, check=False)
        return files.RawResult(done.returncode, done.stdout, done.stderr.decode())

    files.put_tree("cp-1", run, str(tmp_path), {"one": RemoteFile(b"1", 0o600, owner_of(tmp_path))})
    files.put_tree("cp-1", run, str(tmp_path), {"one": RemoteFile(b"1", 0o600, owner_of(tmp_path))})
    assert asked == [False, True, False]
