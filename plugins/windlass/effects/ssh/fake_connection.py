"""The connection to a fake host; see `fake`."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any, Self

from windlass.domain.host.file_drift import ROOT, Absent, FileState, ObservedFile, OtherKind, Unknown
from windlass.domain.host.layout import FENCE
from windlass.domain.scripts.fence import OVERTAKEN
from windlass.domain.scripts.script import Script
from windlass.effects.ssh import file_state, shell
from windlass.effects.ssh.connection import DEFAULT_TIMEOUT, CommandResult, RemoteFile
from windlass.effects.ssh.fake_call import Answering, Call, Hangs
from windlass.effects.ssh.fake_stream import FakeStream
from windlass.effects.ssh.guard import ChangeGuard, send_change
from windlass.effects.ssh.output import BoundedOutput, Lines
from windlass.effects.ssh.tunnel import TcpForward, Tunnel, UnixBridge
from windlass.errors import CommandError, CommandFailure, RefusedError, UnreachableError


class FakeConnection:
    """A connection to a `FakeHost`; see `Connection`."""

    def __init__(self, fake: Answering) -> None:
        self._fake = fake
        self._tunnels: list[Tunnel] = []
        self._guard: ChangeGuard | None = None
        self._is_closed = False

    @property
    def host(self) -> str:
        """The host's name."""
        return self._fake.name

    def run(
        self,
        argv: Sequence[str],
        *,
        sudo: bool = False,
        stdin: bytes | None = None,
        timeout: timedelta = DEFAULT_TIMEOUT,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> CommandResult:
        """Give the scripted answer; see `Connection.run`."""
        shell.command_line(argv)
        with self._operation(tuple(argv), sudo=sudo, stdin=stdin) as call:
            answer = self._fake.answer(call)
        return self._ended(call, answer, timeout, check=check, on_line=on_line)

    def run_script(
        self,
        script: Script,
        *,
        timeout: timedelta = DEFAULT_TIMEOUT,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> CommandResult:
        """Give the scripted answer; see `Connection.run_script`."""
        with self._operation(
            tuple(script.argv), sudo=True, stdin=script.stdin, script=script, changes=not script.is_look
        ) as call:
            answer = self._fake.answer(call)
        return self._ended(call, answer, timeout, check=check, on_line=on_line)

    def guard_changes(self, guard: ChangeGuard) -> None:
        """Do what changes the host only as `guard` lets it; see `Connection.guard_changes`."""
        self._guard = guard

    def _ended(
        self,
        call: Call,
        answer: CommandResult | Hangs,
        timeout: timedelta,
        *,
        check: bool,
        on_line: Callable[[str], None] | None,
    ) -> CommandResult:
        if not isinstance(answer, CommandResult):
            seconds = f"{timeout.total_seconds():g}"
            raise UnreachableError(
                f"{self.host}: `{' '.join(call.argv)}` took longer than {seconds} s; it may still run"
            )
        result = _as_streamed(answer, on_line)
        if check and result.exit_code != 0:
            raise CommandError(CommandFailure(self.host, call.argv, result.exit_code, result.stderr))
        return result

    def put(self, path: str, content: bytes, *, mode: int = 0o644, owner: str = ROOT) -> bool:
        """Write a file; see `Connection.put`."""
        with self._operation(("<put>", path), sudo=True, changes=True):
            return self._write({_absolute(path): RemoteFile(content, mode, owner)})

    def put_tree(self, path: str, files: Mapping[str, RemoteFile]) -> bool:
        """Write files below a directory; see `Connection.put_tree`."""
        root = _absolute(path).rstrip("/")
        desired = {f"{root}/{file_state.check_relative(name)}": file for name, file in files.items()}
        with self._operation(("<put_tree>", path), sudo=True, changes=True):
            return self._write(desired)

    def read(self, path: str) -> bytes | None:
        """Read a file; see `Connection.read`."""
        with self._operation(("<read>", path), sudo=True):
            file = self._fake.files.get(_absolute(path))
            if file is None and self._is_directory(path):
                raise self._failure(("read", path), f"cat: {path}: Is a directory")
            return file.content if file else None

    def stat(self, paths: Sequence[str]) -> dict[str, ObservedFile]:
        """Look at files; see `Connection.stat`."""
        with self._operation(("<stat>", *map(_absolute, paths)), sudo=True):
            return {path: self._observe(path) for path in paths}

    def open_channel(self, argv: Sequence[str], *, sudo: bool = False) -> FakeStream:
        """Start a scripted stream; see `Connection.open_channel`."""
        return self._open(tuple(argv), sudo=sudo)

    def open_script(self, script: Script) -> FakeStream:
        """Start a scripted stream; see `Connection.open_script`."""
        return self._open(tuple(script.argv_with_text), sudo=True, script=script)

    def _open(self, argv: tuple[str, ...], *, sudo: bool, script: Script | None = None) -> FakeStream:
        changes = script is not None and not script.is_look
        with self._operation(argv, sudo=sudo, script=script, changes=changes) as call:
            if handler := self._fake.stream_handler(argv):
                return FakeStream.served(self.host, argv, handler)
            answer = self._fake.answer(call)
        if not isinstance(answer, CommandResult):
            return FakeStream.served(self.host, argv, _wait_for_end)
        return FakeStream.printed(self.host, argv, (answer.exit_code, answer.stdout.encode(), answer.stderr))

    def forward(self, host: str, port: int) -> Any:
        """Tunnel to the local service that stands for `host`:`port`; see `Connection.forward`."""
        if self._fake.tunnel is not None:
            return self._fake.tunnel(host, port)
        tunnel = TcpForward(partial(self._reach, host, port), f"{self.host}: tunnel to {host}:{port}")
        self._tunnels.append(tunnel)
        return tunnel

    def unix_bridge(self, argv: Sequence[str], *, sudo: bool = False) -> UnixBridge:
        """Bridge a local Unix socket to a scripted stream; see `Connection.unix_bridge`."""
        bridge = UnixBridge(partial(self.open_channel, tuple(argv), sudo=sudo), f"{self.host}: bridge")
        self._tunnels.append(bridge)
        return bridge

    def close(self) -> None:
        """Close the tunnels and refuse further work."""
        self._is_closed = True
        for tunnel in self._tunnels:
            tunnel.close()

    def __enter__(self) -> Self:
        """Give the connection itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close it."""
        self.close()

    @contextmanager
    def _operation(
        self,
        argv: tuple[str, ...],
        *,
        sudo: bool,
        stdin: bytes | None = None,
        script: Script | None = None,
        changes: bool = False,
    ) -> Iterator[Call]:
        if self._is_closed:
            raise UnreachableError(f"{self.host}: this connection was closed; ask for a new one")
        if sudo and not self._fake.has_sudo:
            raise RefusedError(f"{self.host}: ops cannot become root by sudo without a password")
        call = Call(argv, sudo, stdin, script)
        self._fake.begin(call)
        if changes:
            send_change(self.host, self._guard, self._pass_fence)
        yield call
        self._fake.end(call)

    def _pass_fence(self, counter: int | None) -> CommandResult:
        """Do what `fence.fenced` does on a host before the command itself."""
        if counter is None:
            return CommandResult(0, "", "")
        kept = self._fake.files.get(FENCE)
        seen = int(kept.content) if kept is not None else 0
        if seen > counter:
            return CommandResult(OVERTAKEN, "", f"windlass: overtaken by lease {seen}\n")
        self._fake.files[FENCE] = RemoteFile(f"{counter}\n".encode(), mode=0o600)
        return CommandResult(0, "", "")

    def _write(self, desired: Mapping[str, RemoteFile]) -> bool:
        present, unreadable = self._fake.files, self._fake.unreadable
        differing = {path: file for path, file in desired.items() if present.get(path) != file or path in unreadable}
        for path in differing:
            blocking = [str(parent) for parent in PurePosixPath(path).parents if str(parent) in present]
            if blocking:
                raise self._failure(("write", path), f"mkdir: cannot create directory '{blocking[0]}': Not a directory")
        present.update(differing)
        unreadable.difference_update(differing)
        self._fake.writes.extend(differing)
        return bool(differing)

    def _observe(self, path: str) -> ObservedFile:
        if path in self._fake.unreadable:
            return Unknown("its content cannot be read")
        if path in self._fake.files:
            return _state(self._fake.files[path])
        return OtherKind("directory") if self._is_directory(path) else Absent()

    def _is_directory(self, path: str) -> bool:
        return any(name.startswith(f"{path.rstrip('/')}/") for name in self._fake.files)

    def _reach(self, host: str, port: int) -> FakeStream:
        address = self._fake.services.get((host, port))
        if address is None:
            raise UnreachableError(f"{self.host}: {host}:{port} cannot be reached from there: no such service")
        try:
            service = socket.create_connection(address)
        except OSError as error:
            raise UnreachableError(f"{self.host}: {host}:{port} cannot be reached from there: {error}") from error
        return FakeStream(self.host, (f"tunnel to {host}:{port}",), service)

    def _failure(self, argv: tuple[str, ...], stderr: str) -> CommandError:
        return CommandError(CommandFailure(self.host, argv, 1, stderr))


def _as_streamed(answer: CommandResult, on_line: Callable[[str], None] | None) -> CommandResult:
    """Bound and stream the output as a real connection does."""
    texts, dropped = [], 0
    for text in (answer.stdout, answer.stderr):
        kept = BoundedOutput()
        kept.feed(text.encode())
        texts.append(kept.text())
        dropped += kept.dropped_bytes
        if on_line is not None:
            lines = Lines(on_line)
            lines.feed(text.encode())
            lines.finish()
    return CommandResult(answer.exit_code, texts[0], texts[1], dropped)


def _absolute(path: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"not an absolute path: {path!r}")
    return path


def _state(file: RemoteFile) -> FileState:
    ids = ":".join("0" if name == "root" else name for name in file.owner.split(":"))
    return FileState(hashlib.sha256(file.content).hexdigest(), file.mode, file.owner, ids)


def _wait_for_end(far: socket.socket) -> int:
    while far.recv(65536):
        pass
    return 0
