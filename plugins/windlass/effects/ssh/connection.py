"""What a connection to a host is and can do; nothing here touches the network.

Every operation that fails raises one of `windlass.errors`, with the host's name in the message:
`CommandError` (the command ended with another code than 0), `UnreachableError` (no connection, or no answer in time;
what was asked may have happened), `RefusedError` (the host turned the login, sudo or the unknown host key down) and
`IntegrityError` (the host key has changed, or content arrived damaged).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from windlass.domain.addresses import host_port
from windlass.domain.host.file_drift import ROOT, ObservedFile
from windlass.domain.scripts.script import Script
from windlass.effects.ssh.guard import ChangeGuard

DEFAULT_TIMEOUT = timedelta(minutes=2)
OUTPUT_LIMIT = 8 * 1024 * 1024
"""Bytes kept of each output stream of a command: the first and the last half of this."""
FILE_LIMIT = 64 * 1024 * 1024
"""Bytes of a file that is read from a host; those that are have some ten thousand."""


@dataclass(frozen=True)
class SshTarget:
    """Where a host listens, who logs in, and by which host keys it is recognised.

    `known_hosts` holds lines in the format of OpenSSH's known_hosts file; those count whose host field is the
    address (``[address]:port`` if the port is not 22) or the host's name. With `trust_on_first_use` the key of a host
    of which no line is known is accepted once and handed to the caller, who stores it.
    """

    name: str
    address: str
    user: str
    private_key: str = field(repr=False)
    port: int = 22
    known_hosts: tuple[str, ...] = ()
    trust_on_first_use: bool = False
    bastion: SshTarget | None = None

    @property
    def place(self) -> str:
        """Address and port, as messages show them."""
        return host_port(self.address, self.port)


@dataclass(frozen=True)
class CommandResult:
    """How a command ended and what it printed.

    An end by signal N gives the exit code 128 + N, as in a shell. `dropped_bytes` counts what is missing from the
    middle of stdout and stderr because there was more than `OUTPUT_LIMIT`; the text says so in its place.
    """

    exit_code: int
    stdout: str
    stderr: str
    dropped_bytes: int = 0


@dataclass(frozen=True)
class RemoteFile:
    """A file as it shall be on a host. The content stays out of the repr, as it may be a secret."""

    content: bytes = field(repr=False)
    mode: int = 0o644
    owner: str = ROOT


class Channel(Protocol):
    """A duplex stream of bytes to a running command or, through a tunnel, to a service."""

    def recv(self, size: int) -> bytes:
        """Wait for the next bytes, at most `size`; ``b""`` is the end."""
        ...

    def sendall(self, data: bytes) -> None:
        """Send all of `data`."""
        ...

    def finish_input(self) -> None:
        """Tell the other side that nothing more will be sent; it can still send."""
        ...

    def wait(self, timeout: timedelta = DEFAULT_TIMEOUT) -> None:
        """Wait for the command's end, after all output was read; raise `CommandError` unless it ended with 0."""
        ...

    def close(self) -> None:
        """Drop the stream; a command that still reads or writes will notice."""
        ...

    def __enter__(self) -> Self:
        """Give the stream itself."""
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close the stream."""
        ...


class Forward(Protocol):
    """A local TCP listener whose connections come out at a service that the host can reach."""

    @property
    def address(self) -> tuple[str, int]:
        """The local address and port to connect to."""
        ...

    def close(self) -> None:
        """Stop listening and drop the connections that are open."""
        ...

    def __enter__(self) -> Self:
        """Give the forward itself."""
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close it."""
        ...


class Bridge(Protocol):
    """A local Unix socket; each connection to it is a new run of a command on the host."""

    @property
    def path(self) -> Path:
        """The socket, in a directory that only the current user can enter."""
        ...

    def close(self) -> None:
        """Stop listening, drop open connections, remove the socket."""
        ...

    def __enter__(self) -> Self:
        """Give the bridge itself."""
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close it."""
        ...


class Connection(Protocol):
    """One host, for everything that a task does on it. Safe to use from several threads."""

    @property
    def host(self) -> str:
        """The host's name, as messages show it."""
        ...

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
        """Run a command that looks, or that works beside the cluster, and wait for its end; changes are scripts.

        `argv` is visible in the host's process list and in errors: secrets go by `stdin`. `on_line` gets each line of
        stdout and stderr as it comes, in the caller's thread. With `check`, another exit code than 0 raises
        `CommandError`. After `timeout` the command's process group on the host gets SIGTERM, then SIGKILL, and
        `UnreachableError` is raised; processes that left the group, or all of them if the network is cut, may still
        run, and what was done stays done: look again before acting. A connection that died before the command was
        sent is opened again once; a command that was sent is never sent twice.
        """
        ...

    def run_script(
        self,
        script: Script,
        *,
        timeout: timedelta = DEFAULT_TIMEOUT,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> CommandResult:
        """Run a script as root; its name is in the host's process list and in errors. Else as `run`."""
        ...

    def guard_changes(self, guard: ChangeGuard) -> None:
        """Send what changes the host only while `guard` lets it, and with its counter.

        Those are scripts, but for those that only look, and files that are written. They raise what
        `guard.send_change` raises.
        """
        ...

    def put(self, path: str, content: bytes, *, mode: int = 0o644, owner: str = ROOT) -> bool:
        """Write a file as root, atomically (temporary file, fsync, owner, mode, rename), with missing directories.

        Gives whether anything had to change: an equal file with equal mode and owner is left alone.
        """
        ...

    def put_tree(self, path: str, files: Mapping[str, RemoteFile]) -> bool:
        """Write files, given by their paths relative to the directory `path`, in one stream; say if any changed.

        Each file is replaced atomically, after all have arrived; files that are not named are left alone.
        """
        ...

    def read(self, path: str) -> bytes | None:
        """Read a whole file as root; None if there is no such file, IntegrityError beyond `FILE_LIMIT`."""
        ...

    def stat(self, paths: Sequence[str]) -> dict[str, ObservedFile]:
        """Look at many files as root in one round trip; it tells of each path, be it that nobody knows how it is."""
        ...

    def open_channel(self, argv: Sequence[str], *, sudo: bool = False) -> Channel:
        """Start a command and give its stdin and stdout as a stream, without a time limit."""
        ...

    def open_script(self, script: Script) -> Channel:
        """Start a script as root and give its stdin and stdout as a stream, without a time limit."""
        ...

    def forward(self, host: str, port: int) -> Forward:
        """Listen on a free port of 127.0.0.1 and tunnel each connection to `host`:`port` as this host sees it."""
        ...

    def unix_bridge(self, argv: Sequence[str], *, sudo: bool = False) -> Bridge:
        """Listen on a local Unix socket and bridge each connection to a new run of `argv` on the host."""
        ...

    def close(self) -> None:
        """Close the connection and all that goes through it."""
        ...
