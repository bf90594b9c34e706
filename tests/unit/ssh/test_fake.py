from __future__ import annotations

import pytest

from windlass.effects.ssh.connection import CommandResult
from windlass.effects.ssh.fake import Call, FakeHost, FakeHosts, UnscriptedError
from windlass.effects.ssh.pool import Connections
from windlass.errors import RefusedError, UnreachableError


def test_unscripted_command_fails_the_test() -> None:
    with pytest.raises(UnscriptedError, match="docker"):
        FakeHost("cp-1").connect().run(["docker", "ps"])


def test_longest_script_answers() -> None:
    host = FakeHost("cp-1")
    host.on("systemctl", "is-active", answer="active")
    host.on("systemctl", answer=CommandResult(1, "", "no"))
    assert host.connect().run(["systemctl", "is-active", "docker"]).stdout == "active"
    assert host.connect().run(["systemctl", "stop", "docker"], check=False).exit_code == 1


def test_calls_are_recorded_without_showing_input() -> None:
    host = FakeHost("cp-1")
    host.on("tee", answer="")
    host.connect().run(["tee", "x"], sudo=True, stdin=b"s3cret")
    host.connect().put("/etc/x", b"y")
    assert host.calls == [Call(("tee", "x"), sudo=True, stdin=b"s3cret"), Call(("<put>", "/etc/x"), sudo=True)]
    assert host.commands() == [("tee", "x")]
    assert "s3cret" not in repr(host.calls)


def test_fault_before_leaves_nothing_and_fault_after_leaves_all_done() -> None:
    def lose(call: Call) -> None:
        raise UnreachableError(f"lost at {call.argv[0]}")

    host = FakeHost("cp-1", before=lose)
    with pytest.raises(UnreachableError):
        host.connect().put("/x", b"1")
    assert host.files == {}
    host.before, host.after = None, lose
    with pytest.raises(UnreachableError):
        host.connect().put("/x", b"1")
    assert host.files["/x"].content == b"1"


def test_second_write_is_not_counted() -> None:
    host = FakeHost("cp-1")
    for _ in range(2):
        host.connect().put("/x", b"1")
    assert host.writes == ["/x"]


def test_host_without_sudo_refuses() -> None:
    host = FakeHost("cp-1", has_sudo=False)
    host.on("id", answer="uid=1000")
    with pytest.raises(RefusedError, match="sudo"):
        host.connect().run(["id"], sudo=True)
    assert host.connect().run(["id"]).stdout == "uid=1000"


def test_pool_keeps_one_connection_per_host_and_closes_all() -> None:
    hosts = FakeHosts([FakeHost("cp-1"), FakeHost("w-1", is_reachable=False)])
    hosts.hosts["cp-1"].on("true", answer="")
    with Connections(hosts.targets(), hosts) as connections:
        assert connections.names == ("cp-1", "w-1")
        connection = connections.get("cp-1")
        assert connections.get("cp-1") is connection
        with pytest.raises(UnreachableError, match="w-1"):
            connections.get("w-1")
        hosts.hosts["w-1"].is_reachable = True
        assert connections.get("w-1").host == "w-1"
    with pytest.raises(UnreachableError, match="closed"):
        connection.run(["true"])
