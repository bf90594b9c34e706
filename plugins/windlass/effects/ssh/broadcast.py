"""One stream sent to many hosts at once, as fast as the slowest takes it, with flat memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from datetime import timedelta
from queue import Empty, Full, Queue

from windlass.effects.ssh.connection import Channel
from windlass.effects.ssh.fan_out import HostOutcome, values
from windlass.effects.threads import worker_threads

_DEPTH = 16
"""Pieces that one host may be behind another."""
_LOOK_SECONDS = 0.2

Piece = bytes | None


def broadcast(pieces: Iterable[bytes], open_channels: Mapping[str, Callable[[], Channel]], doing: str) -> None:
    """Send all of `pieces` to a new channel on each host, and wait until each command has ended well.

    If the source fails, the channels are dropped and its error is raised; if a host fails, the others are dropped too,
    and the error names it.
    """
    queues: dict[str, Queue[Piece]] = {name: Queue(_DEPTH) for name in open_channels}
    with worker_threads(len(queues), "windlass-broadcast") as pool:
        futures = {name: pool.submit(_send, open_channels[name], queues[name]) for name in queues}
        is_whole = False
        try:
            is_whole = all(_hand_out(piece, queues, futures) for piece in pieces)
        finally:
            for queue, future in zip(queues.values(), futures.values(), strict=True):
                _end(queue, future, is_whole=is_whole)
    outcomes: dict[str, HostOutcome[None]] = {name: _outcome(future) for name, future in futures.items()}
    failed = {name: one for name, one in outcomes.items() if not isinstance(one.error, _DroppedError)}
    values(failed, doing)


class _DroppedError(Exception):
    """The transfer ended for another reason; this host was well."""


_DROPPED = b""
"""Told to a sender instead of a piece: end without saying that it was all."""


def _hand_out(piece: bytes, queues: Mapping[str, Queue[Piece]], futures: Mapping[str, Future[None]]) -> bool:
    """Give a piece to every host; False if one of them has failed."""
    if not piece:
        return True
    for name, queue in queues.items():
        while True:
            if futures[name].done():
                return False
            with contextlib.suppress(Full):
                queue.put(piece, timeout=_LOOK_SECONDS)
                break
    return True


def _end(queue: Queue[Piece], future: Future[None], *, is_whole: bool) -> None:
    while not future.done():
        with contextlib.suppress(Full):
            queue.put(None if is_whole else _DROPPED, timeout=_LOOK_SECONDS)
            return
        if not is_whole:
            with contextlib.suppress(Empty):
                queue.get_nowait()


def _send(open_channel: Callable[[], Channel], queue: Queue[Piece]) -> None:
    with open_channel() as channel:
        for piece in _taken(queue):
            channel.sendall(piece)
        channel.finish_input()
        while channel.recv(4096):
            pass
        channel.wait(timedelta(minutes=5))


def _taken(queue: Queue[Piece]) -> Iterator[bytes]:
    while (piece := queue.get()) is not None:
        if piece is _DROPPED:
            raise _DroppedError
        yield piece


def _outcome(future: Future[None]) -> HostOutcome[None]:
    error = future.exception()
    if error is not None and not isinstance(error, Exception):
        raise error
    return HostOutcome(error=error)
