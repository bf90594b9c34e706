"""One command over one SSH channel: what goes in, what comes out, and the wait for its end without polling."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST
from paramiko.message import Message

from windlass.effects.ssh.broken import BROKEN, close

CHUNK = 64 * 1024
NO_THREAD_BELOW = 32 * 1024
"""So much stdin always fits the host's window, so sending it cannot block."""


class Sink(Protocol):
    """Takes the bytes of one output stream."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        ...


@dataclass(frozen=True)
class Request:
    """A command line, its input, where its output goes, and by when (monotonic seconds) it must have ended."""

    line: str
    stdin: bytes | None
    out: Sink
    err: Sink
    deadline: float


class OverdueError(Exception):
    """The command has not ended by its deadline."""


class LostError(Exception):
    """The connection ended before the command's end was known."""


def exchange(channel: paramiko.Channel, request: Request) -> int:
    """Run a command on a fresh channel and give its exit code; raise `OverdueError` or `LostError`."""
    arrival = watch(channel)
    channel.settimeout(_remaining(request))
    try:
        start(channel, request.line)
        _feed(channel, request.stdin)
        _drain(channel, arrival, request)
        if not channel.status_event.wait(_remaining(request)):
            raise OverdueError
    finally:
        close(channel)
    if channel.exit_status < 0:
        raise LostError
    return channel.exit_status


def watch(channel: paramiko.Channel) -> threading.Event:
    """Give an event that is set when output arrives or ends.

    Reading the last byte of either stream clears it, so wait only after both were found empty.
    """
    arrival = threading.Event()
    channel.in_buffer.set_event(arrival)
    channel.in_stderr_buffer.set_event(arrival)
    return arrival


def start(channel: paramiko.Channel, line: str) -> None:
    """Send the command and do not wait for the reply, whose time paramiko's exec_command does not limit."""
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("exec")
    message.add_boolean(False)  # noqa: FBT003 - the wire format's field want_reply has no name to give
    message.add_string(line)
    transport: Any = channel.get_transport()
    try:
        transport._send_user_message(message)  # noqa: SLF001 - there is no public way, see above
    except BROKEN as error:
        raise LostError from error


def _feed(channel: paramiko.Channel, stdin: bytes | None) -> None:
    if stdin is not None and len(stdin) > NO_THREAD_BELOW:
        # Only a thread of its own can write while we read; a command may print before it has read everything.
        threading.Thread(target=_send, args=(channel, stdin), name="windlass-stdin", daemon=True).start()
    else:
        _send(channel, stdin or b"")


def _send(channel: paramiko.Channel, data: bytes) -> None:
    try:
        channel.sendall(data)
        channel.shutdown_write()
    except BROKEN:
        # The command ended without reading everything, or the connection is lost: the reader finds out which.
        return


def _drain(channel: paramiko.Channel, arrival: threading.Event, request: Request) -> None:
    while True:
        # Looked at before the buffers: what came before the end is then surely in them.
        is_over = channel.eof_received or channel.closed
        if _take(channel, request):
            continue
        if is_over:
            return
        if not arrival.wait(_remaining(request)):
            raise OverdueError


def _remaining(request: Request) -> float:
    return max(0.0, request.deadline - time.monotonic())


def _take(channel: paramiko.Channel, request: Request) -> bool:
    """Take what is buffered, without blocking; tell whether there was anything."""
    has_out, has_err = channel.recv_ready(), channel.recv_stderr_ready()
    if has_out:
        request.out.feed(channel.recv(CHUNK))
    if has_err:
        request.err.feed(channel.recv_stderr(CHUNK))
    return has_out or has_err
