"""Long-lived commands on many hosts at once, from one event loop: lines go there, lines come back.

What `ssh` is for a task with a few hosts, this is for a watcher of thousands: nothing here takes a thread. Host keys
are checked by the same rule (`hostkeys.verify`), commands are quoted in the same place (`shell`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import asyncssh

from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.host_keys import HostKey, keys_of, verify
from windlass.effects.ssh.incoming import LONGEST_LINE, Incoming, LineTooLongError
from windlass.effects.ssh.login import CONNECT_TIMEOUT
from windlass.effects.ssh.shell import command_line
from windlass.errors import IntegrityError, RefusedError, UnreachableError, WindlassError

# It tells each connection at INFO and each failure that is raised anyway.
logging.getLogger("asyncssh").setLevel(logging.CRITICAL)

KEEPALIVE_SECONDS = 60
STDERR_LIMIT = 4096
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr")
"""Those with authentication of their own first: they cost least."""


@dataclass(frozen=True)
class Listener:
    """Who hears a command: each line of stdout, and once how it ended."""

    on_line: Callable[[str], None]
    on_end: Callable[[str], None]
    """It ended by itself, or the connection did; gets the reason."""
    on_broken: Callable[[str], None] | None = None
    """It sent what none of our commands does, and was dropped; gets what that was. Without, that is an end as well."""


class Line(Protocol):
    """A running command."""

    def write(self, text: str) -> None:
        """Send text to its stdin; of one that has ended, nothing happens: its listener hears of the end."""
        ...

    def close(self) -> None:
        """Drop it and the connection; its listener hears nothing more."""
        ...


class Dialler(Protocol):
    """Starts commands on hosts."""

    async def dial(self, target: SshTarget, argv: Sequence[str], listener: Listener) -> Line:
        """Log in and start `argv` as root; raise what `Connection` raises."""
        ...

    async def close(self) -> None:
        """Drop what is shared by several lines."""
        ...


class SshDialler:
    """Dials by SSH; hosts behind one bastion share the connection to it.

    It trusts the host keys that the targets bring, and never a new one: recording one is for the operation that makes
    the host part of its cluster.
    """

    def __init__(self) -> None:
        self._bastions: dict[SshTarget, asyncio.Task[asyncssh.SSHClientConnection]] = {}

    async def dial(self, target: SshTarget, argv: Sequence[str], listener: Listener) -> SshLine:
        """See Dialler."""
        connection, session = await self._connect(target), _Session(listener)
        try:
            command = command_line(argv, as_root=target.user != "root")
            await asyncio.wait_for(
                connection.create_session(lambda: session, command, encoding=None), CONNECT_TIMEOUT.total_seconds()
            )
        except (asyncssh.Error, OSError, TimeoutError) as error:
            connection.abort()
            raise UnreachableError(f"{target.name}: sshd opens no session: {error!r}") from error
        return SshLine(connection, session)

    async def close(self) -> None:
        """See Dialler."""
        for task in self._bastions.values():
            task.cancel()
            if task.done() and not task.cancelled() and task.exception() is None:
                task.result().abort()
        self._bastions.clear()

    async def _connect(self, target: SshTarget) -> asyncssh.SSHClientConnection:
        tunnel = await self._bastion(target.bastion) if target.bastion else None
        client = _Client(target)
        try:
            return await asyncio.wait_for(self._log_in(target, client, tunnel), CONNECT_TIMEOUT.total_seconds())
        except asyncssh.HostKeyNotVerifiable as error:
            if client.refusal is not None:
                raise client.refusal from error
            raise UnreachableError(f"{target.name}: its host key cannot be checked: {error}") from error
        except asyncssh.PermissionDenied as error:
            raise RefusedError(
                f"{target.name}: {target.user}@{target.place} refused the login key: {error.reason}"
            ) from error
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise UnreachableError(
                f"{target.name}: no connection to {target.place}: {str(error) or 'no answer in time'}"
            ) from error

    async def _log_in(
        self, target: SshTarget, client: _Client, tunnel: asyncssh.SSHClientConnection | None
    ) -> asyncssh.SSHClientConnection:
        key = _login_key(target)
        return await asyncssh.connect(
            target.address,
            target.port,
            tunnel=tunnel or (),
            client_factory=lambda: client,
            username=target.user,
            client_keys=[key],
            # No key is known to asyncssh, so that it asks the client about each.
            known_hosts=b"",
            server_host_key_algs=_algorithms(target),
            encryption_algs=_CIPHERS,
            compression_algs=None,
            preferred_auth="publickey",
            agent_path=None,
            config=[],
            gss_host=None,
            keepalive_interval=KEEPALIVE_SECONDS,
        )

    async def _bastion(self, target: SshTarget) -> asyncssh.SSHClientConnection:
        task = self._bastions.get(target)
        if task is None or (task.done() and (task.cancelled() or task.exception() or task.result().is_closed())):
            task = self._bastions[target] = asyncio.get_running_loop().create_task(self._connect(target))
        return await asyncio.shield(task)


class SshLine:
    """A command that runs over an SSH connection of its own."""

    def __init__(self, connection: asyncssh.SSHClientConnection, session: _Session) -> None:
        self._connection = connection
        self._session = session

    def write(self, text: str) -> None:
        """See Line."""
        self._session.write(text)

    def close(self) -> None:
        """See Line."""
        self._session.mute()
        self._connection.abort()


class _Session(asyncssh.SSHClientSession):  # type: ignore[type-arg]
    """Hands on what arrives, within bounds."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._incoming = Incoming(listener.on_line)
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._stderr = bytearray()
        self._is_mute = False

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self._is_mute or self._channel is None:
            return
        if datatype is not None:
            self._stderr += data[: STDERR_LIMIT - len(self._stderr)]
            self._incoming.count(len(data), self._channel)
            return
        try:
            self._incoming.feed(data, self._channel)
        except LineTooLongError:
            self.mute()
            self._channel.abort()
            reason = f"a line of more than {LONGEST_LINE} bytes came; see what its login shell and its python3 print"
            (self._listener.on_broken or self._listener.on_end)(reason)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._is_mute:
            self.mute()
            said = bytes(self._stderr).decode(errors="replace").strip().splitlines()
            self._listener.on_end(said[-1] if said else str(exc or "the command ended"))

    def write(self, text: str) -> None:
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write(text.encode())

    def mute(self) -> None:
        self._is_mute = True
        self._incoming.stop()


class _Client(asyncssh.SSHClient):
    """Decides on host keys as every other connection does."""

    def __init__(self, target: SshTarget) -> None:
        self._target = replace(target, trust_on_first_use=False)
        self.refusal: WindlassError | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        try:
            verify(self._target, HostKey(key.get_algorithm(), key.public_data))
        except (RefusedError, IntegrityError) as error:
            self.refusal = error
            return False
        return True


def _login_key(target: SshTarget) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_private_key(target.private_key)
    except asyncssh.KeyImportError:
        raise RefusedError(
            f"{target.name}: the private key of {target.user} is no unencrypted key in PEM or OpenSSH format; "
            "check the SSH connection's private_key or key_file"
        ) from None


def _algorithms(target: SshTarget) -> list[str] | tuple[()]:
    """Ask first for a key that can be compared: a server has keys of several types."""
    kinds = list(dict.fromkeys(key.kind for key in keys_of(target)))
    return [
        name for kind in kinds for name in (("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,))
    ] or ()
