"""What one host sends over the watcher's channel costs the others nothing: lines, pace and memory are bounded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.effects.ssh.incoming import BYTES_AT_ONCE, LINES_AT_ONCE, LONGEST_LINE, Incoming, LineTooLongError
from windlass.effects.ssh.listening import Listener, _Session
from windlass.effects.ssh.output import LineCutter, Lines


class Channel:
    """A channel that notes what is asked of it."""

    def __init__(self) -> None:
        self.is_paused = self.is_aborted = False

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def abort(self) -> None:
        self.is_aborted = True


class Counting(bytes):
    """Bytes that count how many others they are joined to: none of those may be copied for each piece."""

    copied = 0

    def __radd__(self, other: bytes) -> bytes:
        Counting.copied += len(other)
        return bytes(other) + bytes(self)


def session_of(listener: Listener) -> tuple[_Session, Channel]:
    session, channel = _Session(listener), Channel()
    session.connection_made(channel)  # type: ignore[arg-type]
    return session, channel


def test_a_line_without_end_closes_the_channel_and_the_host_counts_as_broken() -> None:
    heard: list[str] = []
    ends: list[str] = []
    broken: list[str] = []
    session, channel = session_of(Listener(heard.append, ends.append, broken.append))
    session.data_received(b"12.0\tbeat\t1\n", None)
    sent = 0
    while not channel.is_aborted and sent < 100 * LONGEST_LINE:
        session.data_received(b"x" * 1024, None)
        sent += 1024
    assert sent <= LONGEST_LINE + 1024
    assert heard == ["12.0\tbeat\t1"]
    assert broken == [f"a line of more than {LONGEST_LINE} bytes came; see what its login shell and its python3 print"]
    session.data_received(b"\n12.0\tbeat\t1\n", None)
    session.connection_lost(None)
    assert (heard, ends) == (["12.0\tbeat\t1"], [])


def test_a_line_that_is_too_long_is_noticed_also_if_it_comes_whole() -> None:
    ends: list[str] = []
    session, channel = session_of(Listener(lambda _: None, ends.append))
    session.data_received(b"x" * (LONGEST_LINE + 1) + b"\n", None)
    assert channel.is_aborted
    assert len(ends) == 1  # whoever has no word for it is told of an end


@pytest.mark.parametrize("make", [LineCutter, lambda: Lines(lambda _: None)], ids=["watcher", "commands"])
def test_what_waits_for_its_line_end_is_not_copied_for_each_byte_that_comes(make: Any) -> None:
    cutter = make()
    Counting.copied = 0
    for _ in range(LONGEST_LINE):
        cutter.feed(Counting(b"x"))
    assert Counting.copied == 0


@given(pieces=st.lists(st.binary(max_size=40).map(lambda one: one.replace(b"\x01", b"\n")), max_size=30))
@settings(max_examples=100)
def test_lines_do_not_depend_on_how_they_arrive(pieces: list[bytes]) -> None:
    cutter, whole = LineCutter(), b"".join(pieces)
    lines = [line for piece in pieces for line in cutter.feed(piece)]
    assert [*lines, cutter.finish()] == whole.split(b"\n")
    assert cutter.rest_bytes == 0


async def test_a_host_that_says_too_much_waits_while_the_others_are_heard() -> None:
    heard: list[str] = []
    incoming, channel = Incoming(heard.append), Channel()
    flood = b"".join(b"%d\n" % number for number in range(3 * LINES_AT_ONCE))
    incoming.feed(flood, channel)
    assert len(heard) == LINES_AT_ONCE  # nobody else has had to wait for more
    assert channel.is_paused
    while channel.is_paused:
        before = len(heard)
        await asyncio.sleep(0)
        assert len(heard) - before <= LINES_AT_ONCE
    assert heard == flood.decode().split()


async def test_bytes_that_are_not_kept_count_too() -> None:
    incoming, channel = Incoming(lambda _: None), Channel()
    incoming.count(BYTES_AT_ONCE, channel)
    assert not channel.is_paused
    incoming.count(1, channel)
    assert channel.is_paused
    incoming.stop()


async def test_of_a_channel_that_was_dropped_nothing_more_is_heard() -> None:
    heard: list[str] = []
    incoming, channel = Incoming(heard.append), Channel()
    incoming.feed(b"x\n" * 2 * LINES_AT_ONCE, channel)
    incoming.stop()
    await asyncio.sleep(0.1)
    assert len(heard) == LINES_AT_ONCE


def test_a_line_at_the_limit_is_a_line() -> None:
    heard: list[str] = []
    incoming = Incoming(heard.append)
    incoming.feed(b"x" * LONGEST_LINE + b"\n", Channel())
    assert heard == ["x" * LONGEST_LINE]
    with pytest.raises(LineTooLongError):
        incoming.feed(b"x" * (LONGEST_LINE + 1), Channel())
