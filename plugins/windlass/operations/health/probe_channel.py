"""One host as a vantage point: its probe loop is kept running, whatever breaks, and what it says is handed on."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from windlass.domain.bounded import WIDTH, shown
from windlass.domain.health.heartbeat import BEAT
from windlass.domain.health.protocol import ALIVE, ProbeMessage, parse_message
from windlass.domain.markdown import shortened
from windlass.effects.probe import LOOP_ARGV, loop_program
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.listening import Dialler, Line, Listener
from windlass.errors import MALFORMED, WindlassError

log = logging.getLogger(__name__)

RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Pauses before the next attempt; the last is kept. Each is lengthened by up to half, so that not all try at once."""
DEAF_SECONDS = 4 * BEAT
"""After so long without a word a channel is dropped and dialled again: it may be dead, and TCP not know for minutes."""


SUSPECT_SECONDS = 60.0
"""For so long after a channel was dropped for what its host sent, nothing that the host says is heard.

Else one that begins well each time, and then sends what it should not, would count as one that can be relied on.
"""
MOST_MESSAGES = 6000
"""A minute, besides two a second for each check and host of the cluster: as often as the fastest of checks looks."""
MOST_UNREADABLE = 100
"""Messages of a verb that there is, whose fields say nothing: a loop of another release may have a few."""
OFFSET_SECONDS = 60.0
"""For so long, and up to twice as long, the least delay of words counts: clocks drift, those of paused hosts stand.

It is longer than a line may be silent, so that what comes late all at once after a silence is known to be late.
"""


class ClockOffset:
    """How far a loop's clock is from ours, by the words of the last minute or two: none comes before it is said."""

    def __init__(self) -> None:
        self._since = float("-inf")
        self._least = self._least_before = float("inf")

    def hear(self, moment: float, now: float) -> None:
        """Take in that a word of `moment`, by the loop's clock, has come at `now`, by ours."""
        if now - self._since > OFFSET_SECONDS:
            self._since, self._least_before, self._least = now, self._least, float("inf")
        self._least = min(self._least, now - moment)

    def delay(self, moment: float, now: float) -> float:
        """Return for how many seconds a word that came at `now` was on its way, at the least; 0 where none came."""
        least = min(self._least, self._least_before)
        return 0.0 if least == float("inf") else now - moment - least


@dataclass(frozen=True)
class ProbeListener:
    """Who hears what a station has to tell: that its loop began (gives what it is to watch), a word, a failure."""

    began: Callable[[str], str]
    message: Callable[[str, ProbeMessage], None]
    failed: Callable[[str, str], None]


@dataclass
class _Allowance:
    """How much a host may still say on one channel, until it counts as broken."""

    most_messages: int
    """A minute."""
    _since: float = float("-inf")
    _messages: int = 0
    _unreadable: int = 0

    def excess(self, now: float) -> str:
        """Count a message that came at `now`; return what is wrong with that many, empty if nothing is."""
        if now - self._since > 60:
            self._since, self._messages = now, 0
        self._messages += 1
        is_too_much = self._messages > self.most_messages
        return f"it sent more than {self.most_messages} lines in a minute" if is_too_much else ""

    def unreadable(self) -> str:
        """Count a message that could not be read; return what is wrong with that many, empty if nothing is."""
        self._unreadable += 1
        return f"{MOST_UNREADABLE} of its lines could not be read" if self._unreadable >= MOST_UNREADABLE else ""


class ProbeChannel:
    """Keeps the probe loop on one host running. All its methods belong to the event loop's thread."""

    def __init__(
        self, target: SshTarget, setup: str, listener: ProbeListener, most_messages: int = MOST_MESSAGES
    ) -> None:
        """`most_messages` a minute are heard; a host that sends more counts as broken."""
        self._target = target
        self._most_messages = most_messages
        self._allowance = _Allowance(most_messages)
        self._suspect_until = float("-inf")
        self._has_begun = True
        """Whether the present loop was told what to watch: that of a suspect host is told once it is one no more."""
        self._setup = setup
        self._listener = listener
        self._line: Line | None = None
        self._offset = ClockOffset()
        self._heard = 0.0
        self._on_end: Callable[[str], None] | None = None
        """Ends the present line for its keeper; None while there is none."""
        self._on_broken: Callable[[str], None] | None = None
        """Ends it because of what came over it."""
        self._task: asyncio.Task[None] | None = None

    @property
    def host(self) -> str:
        """The host's name."""
        return self._target.name

    def start(self, dialler: Dialler, gate: asyncio.Semaphore) -> None:
        """Keep the loop running from now on; `gate` bounds how many logins go on at once."""
        self._task = asyncio.get_running_loop().create_task(self._keep(dialler, gate))

    def say(self, text: str) -> None:
        """Tell the loop something; one that does not run hears nothing, and all that it needs when it begins."""
        if self._line is not None:
            self._line.write(text)

    def alive(self) -> None:
        """Tell the loop that somebody still listens."""
        self.say(ALIVE)

    def check(self, now: float) -> None:
        """Drop a line over which nothing has come for long; its keeper dials again."""
        if self._line is not None and self._on_end is not None and now - self._heard > DEAF_SECONDS:
            on_end = self._on_end
            self._drop()
            on_end(f"nothing was heard for {now - self._heard:.0f} s")

    def forgive(self, now: float) -> None:
        """Begin to count again how long nothing has come: that was not the line's fault."""
        self._heard = now

    def stop(self) -> None:
        """End the loop."""
        if self._task is not None:
            self._task.cancel()
        self._drop()

    def _drop(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = self._on_end = self._on_broken = None

    async def _keep(self, dialler: Dialler, gate: asyncio.Semaphore) -> None:
        attempt = 0
        while True:
            ended = asyncio.Event()
            begun = time.monotonic()
            reason = await self._run(dialler, gate, ended)
            self._drop()
            self._listener.failed(self.host, reason)
            attempt = 0 if time.monotonic() - begun > RETRY_SECONDS[-1] else attempt + 1
            pause = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
            await asyncio.sleep(pause * (1 + random.random() / 2))  # noqa: S311 - no secret, only spread

    async def _run(self, dialler: Dialler, gate: asyncio.Semaphore, ended: asyncio.Event) -> str:
        """Start the loop and wait for its end; return why it ended or did not start."""
        reasons: list[str] = []

        def on_end(reason: str) -> None:
            reasons.append(reason)
            ended.set()

        def on_broken(reason: str) -> None:
            self._suspect_until = time.monotonic() + SUSPECT_SECONDS
            on_end(f"{reason}; it was dropped, and nothing from there is believed for {SUSPECT_SECONDS:.0f} s")

        self._offset, self._allowance = ClockOffset(), _Allowance(self._most_messages)
        try:
            async with gate:
                self._line = await dialler.dial(self._target, LOOP_ARGV, Listener(self._hear, on_end, on_broken))
        except WindlassError as error:
            return str(error)
        self._heard, self._on_end, self._on_broken = time.monotonic(), on_end, on_broken
        self._has_begun = not self._is_suspect(self._heard)
        self._line.write(loop_program() + self._setup + (self._listener.began(self.host) if self._has_begun else ""))
        await ended.wait()
        return f"{self.host}: the probe loop ended: {reasons[0]}"

    def _is_suspect(self, now: float) -> bool:
        return now < self._suspect_until

    def _hear(self, line: str) -> None:
        self._heard = time.monotonic()
        if excess := self._allowance.excess(self._heard):
            self._break(excess)
            return
        message = parse_message(line)
        if message is None:
            log.debug("%s: not a word of the probe loop: %s", self.host, shortened(line, WIDTH))
            return
        self._offset.hear(message.moment, self._heard)
        if self._is_suspect(self._heard):
            return
        if not self._has_begun:
            self._has_begun = True
            self.say(self._listener.began(self.host))
        try:
            self._listener.message(self.host, message)
        except MALFORMED as error:
            # Raised here it would end the connection, and say nothing about the word.
            log.warning("%s: cannot read `%s`: %s", self.host, shortened(line, WIDTH), shown(error))
            if reason := self._allowance.unreadable():
                self._break(reason)

    def _break(self, reason: str) -> None:
        """Drop a channel over which comes what must not."""
        if self._on_broken is not None:
            on_broken = self._on_broken
            self._drop()
            on_broken(reason)

    def delay(self, message: ProbeMessage) -> float:
        """Return for how many seconds `word` was on its way, at the least."""
        return self._offset.delay(message.moment, time.monotonic())
