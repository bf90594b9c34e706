"""A connection to a host by SSH."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from windlass.domain.addresses import host_port
from windlass.domain.host.file_drift import ROOT, ObservedFile
from windlass.domain.scripts.fence import fenced
from windlass.domain.scripts.script import Script
from windlass.effects.ssh import files as remote_files
from windlass.effects.ssh import shell
from windlass.effects.ssh.channel import SshChannel
from windlass.effects.ssh.connection import (
    DEFAULT_TIMEOUT,
    FILE_LIMIT,
    CommandResult,
    RemoteFile,
    SshTarget,
)
from windlass.effects.ssh.exchange import LostError, OverdueError, Request, Sink, exchange, start
from windlass.effects.ssh.guard import ChangeGuard, Ended, send_change
from windlass.effects.ssh.login import CONNECT_TIMEOUT, RecordKey
from windlass.effects.ssh.output import BoundedOutput, Lines
from windlass.effects.ssh.sessions import Sessions
from windlass.effects.ssh.tunnel import TcpForward, Tunnel, UnixBridge
from windlass.errors import CommandError, CommandFailure, IntegrityError, RefusedError, UnreachableError

R = TypeVar("R", bound=Ended)

GRACE = shell.KILL_AFTER + timedelta(seconds=3)
"""How much longer we wait than the host itself, which ends an overdue command."""
_OVERDUE = (124, 137)
"""Exit codes of `timeout` when it ended the command by SIGTERM or SIGKILL."""


def connect(
    target: SshTarget,
    *,
    record_key: RecordKey | None = None,
    timeout: timedelta = CONNECT_TIMEOUT,
    bastion: Sessions | None = None,
) -> SshConnection:
    """Log in to a host, through its bastion if it has one: `bastion` if that is already connected.

    Raises `UnreachableError`, `RefusedError` (login key or unknown host key) or `IntegrityError` (changed host key).
    `record_key` gets the known_hosts line of a host key that was trusted on first use.
    """
    owned: list[Sessions] = []
    if target.bastion is not None and bastion is None:
        bastion = Sessions(target.bastion, record_key, timeout, None)
        owned.append(bastion)
    sessions = Sessions(target, record_key, timeout, bastion)
    connection = SshConnection(target, sessions, owned)
    try:
        sessions.open()
    except BaseException:
        connection.close()
        raise
    return connection


@dataclass
class _Whole:
    """A sink for content that must be whole, within a bound."""

    host: str
    data: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> None:
        self.data += data
        if len(self.data) > FILE_LIMIT:
            raise IntegrityError(
                f"{self.host}: it sends more than {FILE_LIMIT} bytes for a file, and none that is read there is as "
                "large; look at the files below /etc, and at who answers by SSH"
            )


@dataclass(frozen=True)
class _Tee:
    """A sink that feeds two."""

    first: Sink
    second: Sink

    def feed(self, data: bytes) -> None:
        self.first.feed(data)
        self.second.feed(data)


@dataclass(frozen=True)
class _Command:
    argv: tuple[str, ...]
    sudo: bool
    stdin: bytes | None
    timeout: timedelta
    is_change: bool = False


class SshConnection:
    """One host by SSH; see `Connection`. Use `connect` to make one."""

    def __init__(self, target: SshTarget, sessions: Sessions, owned: Sequence[Sessions]) -> None:
        self._target = target
        self._sessions = sessions
        self._owned = owned
        self._tunnels: list[Tunnel] = []
        self._guard: ChangeGuard | None = None

    @property
    def host(self) -> str:
        """The host's name."""
        return self._target.name

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
        """Run a command; see `Connection.run`."""
        result = self._run(_Command(tuple(argv), sudo, stdin, timeout), on_line)
        return self._checked(argv, result) if check else result

    def run_script(
        self,
        script: Script,
        *,
        timeout: timedelta = DEFAULT_TIMEOUT,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> CommandResult:
        """Run a script as root; see `Connection.run_script`."""
        command = _Command(
            tuple(script.argv), sudo=True, stdin=script.stdin, timeout=timeout, is_change=not script.is_look
        )
        result = self._run(command, on_line)
        return self._checked(command.argv, result) if check else result

    def guard_changes(self, guard: ChangeGuard) -> None:
        """Send changes only as `guard` lets them; see `Connection.guard_changes`."""
        self._guard = guard

    def put(self, path: str, content: bytes, *, mode: int = 0o644, owner: str = ROOT) -> bool:
        """Write a file; see `Connection.put`."""
        return remote_files.put(self.host, self._run_as_root, path, RemoteFile(content, mode, owner))

    def put_tree(self, path: str, files: Mapping[str, RemoteFile]) -> bool:
        """Write files below a directory; see `Connection.put_tree`."""
        return remote_files.put_tree(self.host, self._run_as_root, path, files)

    def read(self, path: str) -> bytes | None:
        """Read a file; see `Connection.read`."""
        return remote_files.read(self.host, self._run_as_root, path)

    def stat(self, paths: Sequence[str]) -> dict[str, ObservedFile]:
        """Look at files; see `Connection.stat`."""
        return remote_files.stat(self.host, self._run_as_root, paths)

    def open_channel(self, argv: Sequence[str], *, sudo: bool = False) -> SshChannel:
        """Start a command as a stream; see `Connection.open_channel`."""
        return self._open(argv, None, sudo=sudo)

    def open_script(self, script: Script) -> SshChannel:
        """Start a script as a stream; see `Connection.open_script`."""
        guard = None if script.is_look else self._guard
        return self._open(script.argv_with_text, None if guard is None else guard.counter(), sudo=True)

    def _open(self, argv: Sequence[str], counter: int | None, *, sudo: bool) -> SshChannel:
        line = shell.command_line(_numbered(argv, counter), as_root=self._needs_sudo(is_desired=sudo))
        channel = self._sessions.session()
        stream = SshChannel(self.host, argv, channel, counter)
        try:
            start(channel, line)
        except LostError as error:
            raise self._lost(argv) from error
        return stream

    def forward(self, host: str, port: int) -> TcpForward:
        """Tunnel a local port to `host`:`port` as this host sees it; see `Connection.forward`."""
        label = f"{self.host}: tunnel to {host_port(host, port)}"
        tunnel = TcpForward(partial(self._tunnel, host, port), label)
        self._tunnels.append(tunnel)
        return tunnel

    def unix_bridge(self, argv: Sequence[str], *, sudo: bool = False) -> UnixBridge:
        """Bridge a local Unix socket to a command; see `Connection.unix_bridge`."""
        label = f"{self.host}: bridge to `{' '.join(argv)}`"
        bridge = UnixBridge(partial(self.open_channel, tuple(argv), sudo=sudo), label)
        self._tunnels.append(bridge)
        return bridge

    def close(self) -> None:
        """Close the tunnels, then the connection, then that to the bastion if it is this connection's own."""
        for tunnel in self._tunnels:
            tunnel.close()
        for sessions in (self._sessions, *self._owned):
            sessions.close()

    def __enter__(self) -> Self:
        """Give the connection itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def _run(self, command: _Command, on_line: Callable[[str], None] | None) -> CommandResult:
        def send(counter: int | None) -> CommandResult:
            out, err = BoundedOutput(), BoundedOutput()
            lines = [] if on_line is None else [Lines(on_line), Lines(on_line)]
            sinks = [_Tee(kept, one) for kept, one in zip((out, err), lines, strict=True)] if lines else (out, err)
            code = self._execute(command, counter, *sinks)
            for one in lines:
                one.finish()
            return CommandResult(code, out.text(), err.text(), out.dropped_bytes + err.dropped_bytes)

        return self._sent(command, send)

    def _run_as_root(
        self, argv: Sequence[str], stdin: bytes, timeout: timedelta, *, changes: bool = False
    ) -> remote_files.RawResult:
        command = _Command(tuple(argv), sudo=True, stdin=stdin, timeout=timeout, is_change=changes)

        def send(counter: int | None) -> remote_files.RawResult:
            out, err = _Whole(self.host), BoundedOutput()
            code = self._execute(command, counter, out, err)
            return remote_files.RawResult(code, bytes(out.data), err.text())

        return self._sent(command, send)

    def _sent(self, command: _Command, send: Callable[[int | None], R]) -> R:
        result = send_change(self.host, self._guard if command.is_change else None, send)
        self._check_sudo(command, result.exit_code, result.stderr)
        return result

    def _checked(self, argv: Sequence[str], result: CommandResult) -> CommandResult:
        if result.exit_code != 0:
            raise CommandError(CommandFailure(self.host, argv, result.exit_code, result.stderr))
        return result

    def _execute(self, command: _Command, counter: int | None, out: Sink, err: Sink) -> int:
        as_root = self._needs_sudo(is_desired=command.sudo)
        line = shell.command_line(_numbered(command.argv, counter), as_root=as_root, limit=command.timeout)
        channel = self._sessions.session()
        begun = time.monotonic()
        deadline = begun + (command.timeout + GRACE).total_seconds()
        try:
            code = exchange(channel, Request(line, command.stdin, out, err, deadline))
        except OverdueError:
            raise self._overdue(command, "nothing is heard of it any more and it may still run") from None
        except LostError as error:
            raise self._lost(command.argv) from error
        if code in _OVERDUE and time.monotonic() - begun >= command.timeout.total_seconds():
            raise self._overdue(command, "it was ended, but what left its process group may still run")
        return code

    def _tunnel(self, host: str, port: int) -> SshChannel:
        return SshChannel(self.host, (f"tunnel to {host_port(host, port)}",), self._sessions.tunnel(host, port))

    def _needs_sudo(self, *, is_desired: bool) -> bool:
        return is_desired and self._target.user != "root"

    def _check_sudo(self, command: _Command, code: int, stderr: str) -> None:
        user = self._target.user
        if code != 0 and self._needs_sudo(is_desired=command.sudo) and shell.lacks_sudo(stderr):
            said = stderr.strip().splitlines()[-1]
            by_terminal = [f"`Defaults:{user} !requiretty`"] if shell.needs_terminal(stderr) else []
            lines = [f"`{user} ALL=(ALL) NOPASSWD: ALL`", *by_terminal]
            raise RefusedError(
                f"{self.host}: {user} cannot become root by sudo without a password: {said}; "
                f"install sudo and put {' and '.join(lines)} into /etc/sudoers.d/windlass on the host"
            )

    def _overdue(self, command: _Command, fate: str) -> UnreachableError:
        words = " ".join(command.argv)
        seconds = f"{command.timeout.total_seconds():g}"
        return UnreachableError(
            f"{self.host}: `{words}` took longer than {seconds} s; {fate}: look what it did before doing it again"
        )

    def _lost(self, argv: Sequence[str]) -> UnreachableError:
        return UnreachableError(
            f"{self.host}: the connection was lost while `{' '.join(argv)}` ran; "
            "it may have run, in part or whole, or run still: look what it did before doing it again"
        )


def _numbered(argv: Sequence[str], counter: int | None) -> Sequence[str]:
    return argv if counter is None else fenced(argv, counter)
