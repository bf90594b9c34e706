"""What paramiko raises over a connection that is dead, and channels that can be closed whether it is or not."""

from __future__ import annotations

import contextlib

import paramiko

BROKEN = (paramiko.SSHException, EOFError, OSError)
"""A connection that died shows as any of these, in whichever thread next sends over it."""


def close(channel: paramiko.Channel) -> None:
    """Close a channel. That sends a message, so over a dead connection it fails; the channel is closed all the same."""
    with contextlib.suppress(*BROKEN):
        channel.close()


class ChannelSocket:
    """A channel in place of a socket, for the connection that goes through it.

    That connection's own thread closes it at its end, where an error would have nobody to go to.
    """

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    def send(self, data: bytes) -> int:
        """Send some of `data` and tell how much; 0 if the channel was closed."""
        return self._channel.send(data)

    def recv(self, size: int) -> bytes:
        """Wait for the next bytes, until the timeout; ``b""`` is the end."""
        return self._channel.recv(size)

    def settimeout(self, seconds: float | None) -> None:
        """Limit how long `send` and `recv` wait; they then raise `TimeoutError`."""
        self._channel.settimeout(seconds)

    @property
    def _closed(self) -> bool:
        """Tell whether it was closed, by the name that paramiko knows from sockets."""
        return self._channel.closed

    def close(self) -> None:
        """Close the channel, whether its connection lives or not."""
        close(self._channel)
