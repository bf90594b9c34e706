"""Logging in to a host: TCP or a bastion's tunnel, the host's key checked, then the login key."""

from __future__ import annotations

import io
import logging
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import cast

import paramiko

from windlass.effects.ssh.broken import BROKEN, ChannelSocket
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.host_keys import HostKey, keys_of, verify
from windlass.errors import RefusedError, UnreachableError

CONNECT_TIMEOUT = timedelta(seconds=15)
KEEPALIVE = timedelta(seconds=10)
DEAD_AFTER = timedelta(seconds=30)
"""Bytes that stay unacknowledged for this long, keepalives too, end the connection."""

PARAMIKO_LOG = "windlass.ssh"
"""The logger that paramiko writes to: a traceback for each failure, which we raise anyway."""

logging.getLogger(PARAMIKO_LOG).setLevel(logging.CRITICAL)

RecordKey = Callable[[SshTarget, str], None]
"""Stores the known_hosts line of a host whose key was trusted on first use."""


def dial(target: SshTarget, timeout: timedelta) -> socket.socket:
    """Open a TCP connection to a host."""
    try:
        sock = socket.create_connection((target.address, target.port), timeout.total_seconds())
    except OSError as error:
        raise UnreachableError(
            f"{target.name}: no connection to {target.place}: {error}; "
            "check that the host runs, its address and port, its sshd, and the firewalls between"
        ) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; elsewhere the kernel's own patience decides
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(DEAD_AFTER.total_seconds() * 1000))
    return sock


def log_in(
    target: SshTarget, sock: socket.socket | ChannelSocket, record_key: RecordKey | None, timeout: timedelta
) -> paramiko.Transport:
    """Check the host's key, log in, and give the transport; close `sock` if that fails."""
    # Transport accepts whatever has send, recv, settimeout and close.
    transport = paramiko.Transport(cast("socket.socket", sock))
    transport.set_log_channel(PARAMIKO_LOG)
    try:
        key = load_private_key(target)
        _shake_hands(target, transport, timeout)
        _check_host_key(target, transport, record_key)
        _authenticate(target, transport, key, timeout)
    except BaseException:
        transport.close()
        # A transport that never got going does not close it.
        sock.close()
        raise
    transport.set_keepalive(int(KEEPALIVE.total_seconds()))
    return transport


def public_key(target: SshTarget) -> str:
    """Return the public half of the login key, as a line of an authorized_keys file without a comment."""
    key = load_private_key(target)
    return f"{key.get_name()} {key.get_base64()}"


def show_host_key(target: SshTarget, sock: socket.socket | ChannelSocket, timeout: timedelta) -> HostKey:
    """Return the key that a host shows, which nobody has checked, and close `sock`; nobody logs in."""
    transport = paramiko.Transport(cast("socket.socket", sock))
    transport.set_log_channel(PARAMIKO_LOG)
    try:
        _shake_hands(target, transport, timeout)
        offered = transport.get_remote_server_key()
        return HostKey(offered.get_name(), offered.asbytes())
    finally:
        transport.close()
        sock.close()


def load_private_key(target: SshTarget) -> paramiko.PKey:
    """Read the login key; what is wrong with it is said without showing it."""
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(target.private_key))
        except (paramiko.SSHException, ValueError, IndexError):
            continue
    raise RefusedError(
        f"{target.name}: the private key of {target.user} is no unencrypted Ed25519, ECDSA or RSA key in PEM or "
        "OpenSSH format; check the SSH connection's private_key or key_file"
    )


def _shake_hands(target: SshTarget, transport: paramiko.Transport, timeout: timedelta) -> None:
    transport.banner_timeout = timeout.total_seconds()
    # A server has keys of several types: ask first for one that we can compare.
    known = {key.kind for key in keys_of(target)}
    options = transport.get_security_options()
    options.key_types = sorted(options.key_types, key=lambda name: _key_type(name) not in known)
    reason: object = f"no answer within {timeout.total_seconds():g} s"
    try:
        transport.start_client(timeout=timeout.total_seconds())
        # start_client returns silently when the time is over: https://github.com/paramiko/paramiko/pull/2327
        if transport.is_active() and transport.initial_kex_done:
            return
    except BROKEN as error:
        reason = error
    raise UnreachableError(
        f"{target.name}: {target.place} does not speak SSH: {reason}; "
        "check the port, and whether sshd there is overloaded or limits connections (MaxStartups)"
    )


def _key_type(algorithm: str) -> str:
    """Give the type of key that a signature algorithm uses."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm


def _check_host_key(target: SshTarget, transport: paramiko.Transport, record_key: RecordKey | None) -> None:
    offered = transport.get_remote_server_key()
    line = verify(target, HostKey(offered.get_name(), offered.asbytes()))
    if line is None:
        return
    if record_key is None:
        raise RefusedError(f"{target.name}: trust on first use needs a place to record the host key, none was given")
    record_key(target, line)


def _authenticate(target: SshTarget, transport: paramiko.Transport, key: paramiko.PKey, timeout: timedelta) -> None:
    transport.auth_timeout = timeout.total_seconds()
    login = f"{target.user}@{target.place}"
    try:
        transport.auth_publickey(target.user, key)
    except paramiko.AuthenticationException as error:
        raise RefusedError(
            f"{target.name}: {login} refused the login key {HostKey(key.get_name(), key.asbytes()).fingerprint}: "
            f"{error}; check the user, and that the public key is in ~{target.user}/.ssh/authorized_keys on the host"
        ) from error
    except BROKEN as error:
        raise UnreachableError(f"{target.name}: {login} broke off during the login: {error}") from error
