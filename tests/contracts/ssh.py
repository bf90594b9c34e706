"""What every connection to a host does, whether the host is real or played; subclass and give the fixture `world`."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from windlass.domain.host.file_drift import Absent, FileState, OtherKind
from windlass.domain.scripts.script import Script
from windlass.effects.ssh.connection import OUTPUT_LIMIT, Channel, CommandResult, Connection, RemoteFile
from windlass.effects.ssh.fake import Answer, Call, Hangs
from windlass.effects.ssh.fake_stream import StreamHandler
from windlass.effects.ssh.fan_out import on_each
from windlass.errors import CommandError, UnreachableError


@dataclass(frozen=True)
class World:
    """A connection, and what the cases need to know of its host.

    `script` tells a played host what a real one knows by itself. `root` is an absolute directory for files.
    `greeter` is a service that the host reaches and that greets with ``SSH-``; `owner` another owner than root.
    """

    connection: Connection
    script: Callable[[tuple[str, ...], Answer | StreamHandler], None]
    root: str
    greeter: tuple[str, int]
    owner: str = "nobody:nogroup"


def echo(call: Call) -> str:
    return (call.stdin or b"").decode()


def echo_stream(far: socket.socket) -> int:
    while data := far.recv(65536):
        far.sendall(data)
    return 0


def receive(source: socket.socket | Channel, size: int) -> bytes:
    if isinstance(source, socket.socket):
        source.settimeout(20)
    data = b""
    while len(data) < size and (chunk := source.recv(size - len(data))):
        data += chunk
    return data


class CommandContract:
    def test_gives_exit_code_and_both_streams(self, world: World) -> None:
        argv = ("sh", "-c", "echo out; echo err >&2")
        world.script(argv, CommandResult(0, "out\n", "err\n"))
        assert world.connection.run(argv) == CommandResult(0, "out\n", "err\n")

    def test_failure_names_host_command_code_and_last_line(self, world: World) -> None:
        argv = ("sh", "-c", "echo first >&2; echo no space left >&2; exit 7")
        world.script(argv, CommandResult(7, "", "first\nno space left\n"))
        with pytest.raises(CommandError) as caught:
            world.connection.run(argv)
        message = str(caught.value)
        assert message.startswith(f"{world.connection.host}: ")
        assert "exited 7" in message
        assert message.endswith("no space left")
        assert caught.value.failure.exit_code == 7

    def test_unchecked_failure_is_a_result(self, world: World) -> None:
        world.script(("false",), CommandResult(1, "", ""))
        assert world.connection.run(["false"], check=False).exit_code == 1

    def test_unknown_command_fails_with_127(self, world: World) -> None:
        world.script(("windlass-no-such",), CommandResult(127, "", "timeout: failed to run command\n"))
        assert world.connection.run(["windlass-no-such"], check=False).exit_code == 127

    def test_death_by_signal_is_128_and_its_number(self, world: World) -> None:
        argv = ("sh", "-c", "kill -TERM $$")
        world.script(argv, CommandResult(143, "", "Terminated\n"))
        assert world.connection.run(argv, check=False).exit_code == 143

    @pytest.mark.parametrize("size", [0, 10, 3_000_000])
    def test_input_comes_back_whole(self, world: World, size: int) -> None:
        world.script(("cat",), echo)
        content = (b"0123456789" * (size // 10 + 1))[:size]
        assert world.connection.run(["cat"], stdin=content).stdout == content.decode()

    def test_without_input_a_command_reads_the_end(self, world: World) -> None:
        world.script(("cat",), echo)
        assert world.connection.run(["cat"]).stdout == ""

    def test_unread_input_does_no_harm(self, world: World) -> None:
        world.script(("true",), "")
        assert world.connection.run(["true"], stdin=b"x" * 3_000_000).exit_code == 0

    def test_words_mean_nothing_to_the_shell(self, world: World) -> None:
        words = ["if", "A=b", "$HOME", "`id`", "a b", "", "'", '"', "\\", "*", "~", "\n", "-n", "ü", ";", "&&"]
        world.script(("printf",), CommandResult(0, "".join(f"{word}|" for word in words), ""))
        assert world.connection.run(["printf", "%s|", *words]).stdout == "".join(f"{word}|" for word in words)

    def test_lines_are_handed_on_as_they_come(self, world: World) -> None:
        argv = ("sh", "-c", "printf 'one\\ntwo\\n\\nrest'")
        world.script(argv, "one\ntwo\n\nrest")
        lines: list[str] = []
        result = world.connection.run(argv, on_line=lines.append)
        assert lines == ["one", "two", "", "rest"]
        assert result.stdout == "one\ntwo\n\nrest"

    def test_much_output_keeps_its_ends_and_says_what_is_missing(self, world: World) -> None:
        size = OUTPUT_LIMIT + 1000
        argv = ("sh", "-c", f"printf first; head -c {size - 9} /dev/zero | tr '\\0' x; printf last")
        world.script(argv, "first" + "x" * (size - 9) + "last")
        result = world.connection.run(argv)
        assert result.dropped_bytes == 1000
        assert result.stdout.startswith("first")
        assert result.stdout.endswith("last")
        assert "[1000 bytes dropped]" in result.stdout
        assert len(result.stdout) < OUTPUT_LIMIT + 100

    def test_overdue_command_is_given_up_as_of_unknown_fate(self, world: World) -> None:
        world.script(("sleep", "600"), Hangs())
        with pytest.raises(UnreachableError, match=r"`sleep 600` took longer than 0\.3 s.*may still run"):
            world.connection.run(["sleep", "600"], timeout=timedelta(seconds=0.3))

    def test_many_commands_run_at_once(self, world: World) -> None:
        world.script(("cat",), echo)
        results = on_each(
            range(25), lambda i: world.connection.run(["cat"], stdin=f"{i}".encode()).stdout, doing="many commands"
        )
        assert results == {i: f"{i}" for i in range(25)}

    def test_refuses_what_is_no_command(self, world: World) -> None:
        for argv in ([], ["echo", "a\0b"]):
            with pytest.raises(ValueError, match="not a command"):
                world.connection.run(argv)

    def test_nothing_runs_on_a_closed_connection(self, world: World) -> None:
        world.script(("true",), "")
        world.connection.close()
        with pytest.raises(UnreachableError, match="closed"):
            world.connection.run(["true"])


class ScriptContract:
    def test_a_script_runs_as_root_under_its_name(self, world: World) -> None:
        script = Script("show-name", {"words": ("a", "b")}, 'echo "$1" $(id -u); echo done >&2')
        world.script(tuple(script.argv), CommandResult(0, "show-name 0\n", "done\n"))
        assert world.connection.run_script(script) == CommandResult(0, "show-name 0\n", "done\n")

    def test_a_failed_script_is_known_by_its_name(self, world: World) -> None:
        script = Script("fail-at-once", {}, "echo no space left >&2; exit 7")
        world.script(tuple(script.argv), CommandResult(7, "", "no space left\n"))
        with pytest.raises(CommandError, match="`sh -s fail-at-once` exited 7: no space left"):
            world.connection.run_script(script)
        assert world.connection.run_script(script, check=False).exit_code == 7

    def test_an_overdue_script_is_given_up_as_of_unknown_fate(self, world: World) -> None:
        script = Script("sleep-long", {}, "sleep 600")
        world.script(tuple(script.argv), Hangs())
        with pytest.raises(UnreachableError, match=r"`sh -s sleep-long` took longer than 0\.3 s.*may still run"):
            world.connection.run_script(script, timeout=timedelta(seconds=0.3))

    def test_lines_of_a_script_are_handed_on(self, world: World) -> None:
        script = Script("say-lines", {}, "echo one; echo two")
        world.script(tuple(script.argv), "one\ntwo\n")
        lines: list[str] = []
        world.connection.run_script(script, on_line=lines.append)
        assert lines == ["one", "two"]

    def test_what_is_sent_to_an_open_script_is_data(self, world: World) -> None:
        script = Script("give-back", {}, "exec cat")
        world.script(tuple(script.argv_with_text), echo_stream)
        with world.connection.open_script(script) as channel:
            channel.sendall(b"echo $HOME")
            channel.finish_input()
            assert receive(channel, 10) == b"echo $HOME"
            assert channel.recv(100) == b""
            channel.wait()


class FileContract:
    def test_put_then_read_gives_the_same_bytes(self, world: World) -> None:
        content = bytes(range(256)) * 3000
        assert world.connection.put(f"{world.root}/file", content)
        assert world.connection.read(f"{world.root}/file") == content

    def test_put_sets_mode_and_owner(self, world: World) -> None:
        path = f"{world.root}/secret"
        world.connection.put(path, b"s3cret", mode=0o600, owner=world.owner)
        state = world.connection.stat([path])[path]
        assert (state.mode, state.owner) == (0o600, world.owner)
        assert state.sha256 == hashlib.sha256(b"s3cret").hexdigest()

    @pytest.mark.parametrize("size", [0, 100, 400_000])
    def test_second_put_changes_nothing(self, world: World, size: int) -> None:
        path = f"{world.root}/file"
        assert [world.connection.put(path, b"x" * size) for _ in range(3)] == [True, False, False]

    def test_put_notices_other_content_mode_or_owner(self, world: World) -> None:
        path = f"{world.root}/file"
        world.connection.put(path, b"one")
        assert world.connection.put(path, b"two")
        assert world.connection.put(path, b"two", mode=0o640)
        assert world.connection.put(path, b"two", mode=0o640, owner=world.owner)
        assert not world.connection.put(path, b"two", mode=0o640, owner=world.owner)

    def test_put_makes_missing_directories(self, world: World) -> None:
        world.connection.put(f"{world.root}/a/b/c d", b"x")
        assert world.connection.read(f"{world.root}/a/b/c d") == b"x"

    def test_put_that_cannot_be_names_the_path(self, world: World) -> None:
        world.connection.put(f"{world.root}/file", b"x")
        with pytest.raises(CommandError, match=rf"{world.connection.host}: `write {world.root}/file/below`"):
            world.connection.put(f"{world.root}/file/below", b"x")

    def test_absent_file_is_none_and_a_directory_an_error(self, world: World) -> None:
        world.connection.put(f"{world.root}/directory/file", b"x")
        assert world.connection.read(f"{world.root}/absent") is None
        with pytest.raises(CommandError, match="directory"):
            world.connection.read(f"{world.root}/directory")

    def test_stat_tells_of_each_path_also_what_is_absent(self, world: World) -> None:
        paths = [f"{world.root}/{name}" for name in ("a b", "new\nline", "absent", "a b/below", "directory")]
        for path in (*paths[:2], f"{paths[4]}/file"):
            world.connection.put(path, b"x")
        states = world.connection.stat(paths)
        assert {path for path, state in states.items() if isinstance(state, FileState)} == set(paths[:2])
        assert [states[path] for path in paths[2:]] == [Absent(), Absent(), OtherKind("directory")]
        assert world.connection.stat([]) == {}

    def test_put_tree_writes_all_with_mode_and_owner(self, world: World) -> None:
        files = {
            "compose.yaml": RemoteFile(b"services: {}\n"),
            "pki/ca.key": RemoteFile(b"key", 0o600, world.owner),
            "bin/run it": RemoteFile(b"#!/bin/sh\n", 0o755),
        }
        assert world.connection.put_tree(f"{world.root}/tree", files)
        states = world.connection.stat([f"{world.root}/tree/{name}" for name in files])
        assert [(state.mode, state.owner) for state in states.values()] == [
            (file.mode, file.owner) for file in files.values()
        ]
        assert world.connection.read(f"{world.root}/tree/pki/ca.key") == b"key"

    def test_second_put_tree_changes_nothing(self, world: World) -> None:
        files = {"a": RemoteFile(b"1"), "b/c": RemoteFile(b"2", 0o600, world.owner)}
        root = f"{world.root}/tree"
        assert [world.connection.put_tree(root, files) for _ in range(2)] == [True, False]
        assert world.connection.put_tree(root, {**files, "a": RemoteFile(b"3")})
        assert world.connection.read(f"{root}/a") == b"3"

    def test_put_tree_leaves_other_files_alone(self, world: World) -> None:
        world.connection.put(f"{world.root}/tree/other", b"mine")
        world.connection.put_tree(f"{world.root}/tree", {"new": RemoteFile(b"x")})
        assert world.connection.read(f"{world.root}/tree/other") == b"mine"

    def test_paths_cannot_lead_elsewhere(self, world: World) -> None:
        for name in ("../x", "/etc/x", "a/../../x", ""):
            with pytest.raises(ValueError, match="not a path inside"):
                world.connection.put_tree(world.root, {name: RemoteFile(b"")})
        with pytest.raises(ValueError, match="not an absolute path"):
            world.connection.put("relative", b"")


class StreamContract:
    def test_channel_carries_both_ways(self, world: World) -> None:
        world.script(("cat",), echo_stream)
        with world.connection.open_channel(["cat"]) as channel:
            channel.sendall(b"hello")
            assert channel.recv(100) == b"hello"
            channel.sendall(b"again")
            channel.finish_input()
            assert channel.recv(100) == b"again"
            assert channel.recv(100) == b""
            channel.wait()

    def test_channel_of_a_failed_command_says_why(self, world: World) -> None:
        argv = ("sh", "-c", "echo part; echo broken >&2; exit 3")
        world.script(argv, CommandResult(3, "part\n", "broken\n"))
        with world.connection.open_channel(argv) as channel:
            assert channel.recv(100) == b"part\n"
            assert channel.recv(100) == b""
            with pytest.raises(CommandError, match="exited 3: broken"):
                channel.wait()

    def test_closing_a_channel_ends_a_reader_in_another_thread(self, world: World) -> None:
        world.script(("cat",), echo_stream)
        channel = world.connection.open_channel(["cat"])
        received: list[bytes] = []
        reader = threading.Thread(target=lambda: received.append(channel.recv(1)), daemon=True)
        reader.start()
        channel.close()
        reader.join(20)
        assert received == [b""]

    def test_bridge_runs_the_command_for_each_connection(self, world: World) -> None:
        world.script(("cat",), echo_stream)
        with world.connection.unix_bridge(["cat"]) as bridge:
            assert bridge.path.parent.stat().st_mode & 0o777 == 0o700
            for text in (b"one", b"x" * 500_000):
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(bridge.path))
                    sender = threading.Thread(target=client.sendall, args=(text,))
                    sender.start()
                    assert receive(client, len(text)) == text
                    sender.join()
                    client.shutdown(socket.SHUT_WR)
                    assert receive(client, 1) == b""
        assert not bridge.path.parent.exists()

    def test_forward_reaches_a_service(self, world: World) -> None:
        with world.connection.forward(*world.greeter) as forward:
            assert forward.address[0] == "127.0.0.1"
            for _ in range(2):
                with socket.create_connection(forward.address) as client:
                    assert receive(client, 4) == b"SSH-"

    def test_forward_to_nothing_ends_the_connection(self, world: World) -> None:
        with (
            world.connection.forward("127.0.0.1", 1) as forward,
            socket.create_connection(forward.address) as client,
        ):
            assert receive(client, 1) == b""

    def test_closing_the_connection_closes_its_tunnels(self, world: World) -> None:
        forward = world.connection.forward(*world.greeter)
        world.connection.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(forward.address)


class TransportContract(CommandContract, ScriptContract, FileContract, StreamContract):
    """All cases."""
