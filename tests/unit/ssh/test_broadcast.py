from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from windlass.effects.ssh.broadcast import broadcast
from windlass.effects.ssh.connection import Channel
from windlass.effects.ssh.fake import FakeHost
from windlass.errors import IntegrityError, UnreachableError, WindlassError

PIECES = [bytes([number]) * 50_000 for number in range(60)]


class Receiver:
    """The far end of one stream: keeps what arrives, or breaks after so many bytes."""

    def __init__(self, name: str, breaks_after: int | None = None, code: int = 0) -> None:
        self.host = FakeHost(name)
        self.got = bytearray()
        self.is_whole = False
        self._breaks_after = breaks_after
        self._code = code
        self.host.on_stream("take", handler=self._serve)

    def _serve(self, far: socket.socket) -> int:
        while data := far.recv(65_536):
            self.got += data
            if self._breaks_after is not None and len(self.got) > self._breaks_after:
                return 1
        self.is_whole = True
        return self._code

    @property
    def opener(self) -> Callable[[], Channel]:
        return partial(self.host.connect().open_channel, ["take"])


def openers(*receivers: Receiver) -> dict[str, Callable[[], Channel]]:
    return {one.host.name: one.opener for one in receivers}


def test_every_host_gets_all_of_it_in_order() -> None:
    receivers = [Receiver(name) for name in ("cp-1", "cp-2", "cp-3")]

    broadcast(iter([*PIECES, b""]), openers(*receivers), "send")

    assert [bytes(one.got) for one in receivers] == [b"".join(PIECES)] * 3


def test_a_host_that_breaks_is_named_and_the_source_is_not_read_on() -> None:
    good, bad = Receiver("cp-1"), Receiver("cp-2", breaks_after=100_000)
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield PIECES[0]

    with pytest.raises(WindlassError, match=r"(?s)send failed on 1 of .*cp-2"):
        broadcast(endless(), openers(good, bad), "send")
    assert read < 200


def test_a_command_that_fails_at_the_end_is_named() -> None:
    with pytest.raises(WindlassError, match="cp-2"):
        broadcast(iter(PIECES), openers(Receiver("cp-1"), Receiver("cp-2", code=1)), "send")


def test_a_source_that_fails_is_told_as_it_is_and_no_host_takes_it_for_whole() -> None:
    receiver = Receiver("cp-1")

    def damaged() -> Iterator[bytes]:
        yield from PIECES[:3]
        raise IntegrityError("chunk 3 is damaged")

    with pytest.raises(IntegrityError, match="chunk 3 is damaged"):
        broadcast(damaged(), openers(receiver), "send")
    assert bytes(receiver.got) != b"".join(PIECES)


def test_a_host_without_a_connection_is_named() -> None:
    def unreachable() -> Channel:
        raise UnreachableError("cp-2: no route")

    with pytest.raises(UnreachableError, match="cp-2: no route"):
        broadcast(iter(PIECES), {**openers(Receiver("cp-1")), "cp-2": unreachable}, "send")
