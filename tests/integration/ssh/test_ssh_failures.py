from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import paramiko
import pytest

from windlass.effects.ssh.client import SshConnection, connect
from windlass.effects.ssh.connection import RemoteFile, SshTarget
from windlass.effects.ssh.fan_out import fan_out
from windlass.effects.ssh.pool import Connections
from windlass.errors import CommandError, UnreachableError
from windlass_lab.delay_proxy import DelayProxy


def until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def proxy(sshd: Any) -> Iterator[DelayProxy]:
    with DelayProxy(("127.0.0.1", sshd.target.port)) as proxy:
        yield proxy


@pytest.fixture
def target(sshd: Any, proxy: DelayProxy) -> SshTarget:
    """A host behind the proxy, known by its name."""
    return replace(sshd.target, port=proxy.address[1], known_hosts=(f"cp-1 {sshd.public_key('host_ed25519')}",))


@pytest.fixture
def connection(target: SshTarget) -> Iterator[SshConnection]:
    with connect(target) as connection:
        yield connection


def test_one_connection_serves_all_commands(connection: SshConnection, proxy: DelayProxy) -> None:
    for _ in range(20):
        connection.run(["true"])
    assert proxy.count == 1


def test_connection_that_died_between_commands_is_opened_again(connection: SshConnection, proxy: DelayProxy) -> None:
    connection.run(["true"])
    proxy.cut()
    assert connection.run(["echo", "again"]).stdout == "again\n"
    assert proxy.count == 2


def test_command_that_was_under_way_is_not_run_again(
    connection: SshConnection, proxy: DelayProxy, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    cutter = threading.Thread(target=lambda: until(marker.exists) and proxy.cut())
    cutter.start()
    with pytest.raises(UnreachableError, match=r"the connection was lost while .* look what it did"):
        connection.run(["sh", "-c", f"echo ran >> {marker}; sleep 1"], timeout=timedelta(seconds=5))
    cutter.join()
    connection.run(["true"])
    assert marker.read_text() == "ran\n"


def test_host_that_is_gone_is_unreachable(connection: SshConnection, proxy: DelayProxy) -> None:
    proxy.close_listener()
    proxy.cut()
    with pytest.raises(UnreachableError, match="cp-1: no connection"):
        connection.run(["true"])


def test_overdue_command_and_its_children_are_ended(connection: SshConnection, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 600 & echo $! $$ > {pids}.new; mv {pids}.new {pids}; wait"
    with pytest.raises(UnreachableError, match="it was ended"):
        connection.run(["sh", "-c", script], timeout=timedelta(seconds=1))
    assert until(lambda: not any(is_running(int(pid)) for pid in pids.read_text().split()))


def test_command_that_ignores_the_polite_signal_is_killed(connection: SshConnection, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with pytest.raises(UnreachableError, match="it was ended"):
        connection.run(
            ["sh", "-c", f"trap '' TERM; echo $$ > {pid}; while :; do sleep 0.1; done"], timeout=timedelta(seconds=1)
        )
    assert until(lambda: not is_running(int(pid.read_text())))


def test_host_ends_the_command_even_when_the_network_is_cut(
    connection: SshConnection, proxy: DelayProxy, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    cutter = threading.Thread(target=lambda: until(lambda: pid.exists() and pid.read_text() != "") and proxy.cut())
    cutter.start()
    with pytest.raises(UnreachableError, match="the connection was lost"):
        connection.run(["sh", "-c", f"echo $$ > {pid}; sleep 600"], timeout=timedelta(seconds=2))
    cutter.join()
    assert until(lambda: not is_running(int(pid.read_text())))


def test_interrupted_put_leaves_the_old_file_and_nothing_else(
    connection: SshConnection, proxy: DelayProxy, tmp_path: Path
) -> None:
    directory = tmp_path / "directory"
    owner = f"{os.getuid()}:{os.getgid()}"
    connection.put(f"{directory}/file", b"old", owner=owner)
    proxy.delay = timedelta(milliseconds=20)
    cutter = threading.Thread(target=lambda: until(lambda: len(list(directory.iterdir())) > 1) and proxy.cut())
    cutter.start()
    with pytest.raises(UnreachableError, match="the connection was lost"):
        connection.put(f"{directory}/file", b"new" * 20_000_000, owner=owner)
    cutter.join()
    assert until(lambda: [path.name for path in directory.iterdir()] == ["file"])
    assert (directory / "file").read_bytes() == b"old"


def test_put_replaces_a_link_instead_of_following_it(connection: SshConnection, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("kept")
    (tmp_path / "file").symlink_to(tmp_path / "elsewhere")
    assert connection.put(f"{tmp_path}/file", b"kept")
    assert not (tmp_path / "file").is_symlink()
    assert connection.put_tree(str(tmp_path), {}) is False


def test_numeric_owners_are_understood(connection: SshConnection, tmp_path: Path) -> None:
    path = f"{tmp_path}/file"
    assert [connection.put(path, b"x", owner="12345:12345") for _ in range(2)] == [True, False]
    assert Path(path).stat().st_uid == 12345


def test_unknown_owner_changes_nothing(connection: SshConnection, tmp_path: Path) -> None:
    for write in (
        lambda: connection.put(f"{tmp_path}/file", b"x", owner="windlass-nobody:root"),
        lambda: connection.put_tree(str(tmp_path), {"file": RemoteFile(b"x", owner="windlass-nobody:root")}),
    ):
        with pytest.raises(CommandError, match="invalid user"):
            write()
        assert list(tmp_path.iterdir()) == []


def test_hosts_behind_one_bastion_share_the_connection_to_it(sshd: Any, proxy: DelayProxy) -> None:
    key = sshd.public_key("host_ed25519")
    bastion = replace(sshd.target, name="bastion", port=proxy.address[1], known_hosts=(f"bastion {key}",))
    names = ["cp-1", "cp-2", "cp-3"]
    targets = [replace(sshd.trusted(), name=name, bastion=bastion) for name in names]
    with Connections(targets) as hosts:
        outcomes = fan_out(names, lambda name: hosts.get(name).run(["echo", name]).stdout)
        assert {name: outcome.get() for name, outcome in outcomes.items()} == {name: f"{name}\n" for name in names}
        assert proxy.count == 1


class Unsent:
    """Stands in for the sending half of a dead connection whose death nobody has noticed yet."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._is_dead = threading.Event()
        send = paramiko.packet.Packetizer.send_message

        def send_unless_dead(packetizer: Any, message: Any) -> None:
            if self._is_dead.is_set():
                raise EOFError
            send(packetizer, message)

        monkeypatch.setattr(paramiko.packet.Packetizer, "send_message", send_unless_dead)

    def strike(self) -> None:
        self._is_dead.set()

    def heal(self) -> None:
        self._is_dead.clear()


@pytest.fixture
def sending(monkeypatch: pytest.MonkeyPatch) -> Iterator[Unsent]:
    """Lets sending fail from `strike` on, as it does between a connection's death and the notice of it."""
    unsent = Unsent(monkeypatch)
    yield unsent
    unsent.heal()


def test_command_that_ended_is_known_though_the_connection_dies_then(
    connection: SshConnection, sending: Unsent
) -> None:
    lines: list[str] = []

    def strike(line: str) -> None:
        lines.append(line)
        sending.strike()

    connection.run(["echo", "ended"], on_line=strike)  # closing the channel is what cannot be sent any more
    assert lines == ["ended"]


def test_stream_over_a_dead_connection_can_be_closed(connection: SshConnection, sending: Unsent) -> None:
    channel = connection.open_channel(["cat"])
    sending.strike()
    with pytest.raises(UnreachableError, match="takes no more input"):
        channel.sendall(b"x")
    channel.close()
    assert channel.recv(1) == b""


@pytest.mark.parametrize("kind", ["forward", "bridge"])
def test_client_of_a_tunnel_sees_the_end_when_the_connection_dies(
    connection: SshConnection, proxy: DelayProxy, sending: Unsent, kind: str
) -> None:
    before = threading.active_count()
    with contextlib.ExitStack() as stack:
        if kind == "forward":
            client = socket.create_connection(stack.enter_context(connection.forward(*proxy.target)).address)
            assert client.recv(4) == b"SSH-"
        else:
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(stack.enter_context(connection.unix_bridge(["cat"])).path))
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        with client:
            client.settimeout(20)
            sending.strike()
            client.sendall(b"y" * 100)
            while client.recv(65536):
                pass
    assert until(lambda: threading.active_count() <= before)


def test_connection_through_a_bastion_that_died_is_closed_without_a_stir(
    sshd: Any, proxy: DelayProxy, sending: Unsent
) -> None:
    key = sshd.public_key("host_ed25519")
    bastion = replace(sshd.target, name="bastion", port=proxy.address[1], known_hosts=(f"bastion {key}",))
    with connect(replace(sshd.trusted(), bastion=bastion)) as connection:
        connection.run(["true"])
        sending.strike()
        proxy.cut()
        with pytest.raises(UnreachableError):
            connection.run(["true"])
    assert until(lambda: not [thread for thread in threading.enumerate() if isinstance(thread, paramiko.Transport)])


def test_nothing_is_left_open_at_the_end(sshd: Any) -> None:
    before = open_files()
    with Connections([sshd.trusted()]) as hosts:
        for _ in range(30):
            hosts.get("cp-1").run(["true"])
        with hosts.get("cp-1").unix_bridge(["cat"]), hosts.get("cp-1").forward("127.0.0.1", 1):
            pass
    assert until(lambda: open_files() <= before)
