r"""A host in memory that keeps the contract of `Connection`: files, scripted commands, planned faults.

    host = FakeHost("cp-1")
    host.on("systemctl", "is-active", answer="active\n")
    connection = host.connect()

A command that nothing was scripted for raises `UnscriptedError`, so that no test passes on an answer nobody gave.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from windlass.domain.scripts.script import Script
from windlass.effects.ssh.connection import CommandResult, RemoteFile, SshTarget
from windlass.effects.ssh.fake_call import Call, Hangs
from windlass.effects.ssh.fake_connection import FakeConnection
from windlass.effects.ssh.fake_stream import StreamHandler
from windlass.errors import UnreachableError

T = TypeVar("T")


class UnscriptedError(AssertionError):
    """A command reached a fake host that has no answer for it."""


Reply = CommandResult | str | Hangs
Handler = Callable[[Call], Reply]
Answer = Reply | Handler


@dataclass
class FakeHost:
    """A host in memory.

    `before` and `after` see every operation and may raise: an error from `before` means that nothing was done, one
    from `after` that it was done and the answer got lost. `services` maps what `forward` reaches to real local
    addresses. `writes` lists the paths that were changed; a file whose path is `unreadable` is there until it is
    written again, and nobody can tell how it is. `tunnel` gives what `forward` returns in place of a real tunnel.
    """

    name: str
    has_sudo: bool = True
    is_reachable: bool = True
    delay: timedelta = timedelta(0)
    files: dict[str, RemoteFile] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    services: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    tunnel: Callable[[str, int], Any] | None = None
    before: Callable[[Call], None] | None = None
    after: Callable[[Call], None] | None = None
    calls: list[Call] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    _answers: dict[tuple[str, ...], Answer] = field(default_factory=dict)
    _streams: dict[tuple[str, ...], StreamHandler] = field(default_factory=dict)
    _pause: threading.Event = field(default_factory=threading.Event)

    def on(self, *prefix: str, answer: Answer = "") -> None:
        """Answer commands that begin with these words; of several, the longest counts, then the last given.

        A text is stdout with exit code 0; a function gets the `Call` and gives the answer or raises.
        """
        self._answers[prefix] = answer

    def on_script(self, name: str, answer: Answer = "") -> None:
        """Answer scripts of this name; the handler finds the script itself in `Call.script`."""
        self.on("sh", "-s", name, answer=answer)

    def on_stream(self, *prefix: str, handler: StreamHandler) -> None:
        """Serve streams of commands that begin with these words: `handler` gets the far end, may give an exit code."""
        self._streams[prefix] = handler

    def connect(self) -> FakeConnection:
        """Log in."""
        self.check_reachable()
        return FakeConnection(self)

    def commands(self) -> list[tuple[str, ...]]:
        """Give the words of every command that was run, without file operations."""
        return [call.argv for call in self.calls if not call.argv[0].startswith("<")]

    def scripts(self) -> list[Script]:
        """Give every script that was run."""
        return [call.script for call in self.calls if call.script is not None]

    def check_reachable(self) -> None:
        """Raise if the host is set to be unreachable."""
        if not self.is_reachable:
            raise UnreachableError(f"{self.name}: no connection: the fake host is set to be unreachable")

    def begin(self, call: Call) -> None:
        """Note what is asked, take the host's time, and let `before` raise."""
        self.check_reachable()
        self._pause.wait(self.delay.total_seconds())
        self.calls.append(call)
        if self.before:
            self.before(call)

    def end(self, call: Call) -> None:
        """Let `after` raise."""
        if self.after:
            self.after(call)

    def answer(self, call: Call) -> CommandResult | Hangs:
        """Give the scripted answer."""
        answer = _longest(self._answers, call.argv)
        if answer is None:
            raise UnscriptedError(f"{self.name}: no answer is scripted for {list(call.argv)}")
        reply = answer if isinstance(answer, CommandResult | str | Hangs) else answer(call)
        return CommandResult(0, reply, "") if isinstance(reply, str) else reply

    def stream_handler(self, argv: Sequence[str]) -> StreamHandler | None:
        """Give what serves a stream on this command."""
        return _longest(self._streams, argv)


class FakeHosts:
    """Connects targets to fake hosts of the same name; give it to `pool.Connections`."""

    def __init__(self, hosts: Iterable[FakeHost]) -> None:
        self.hosts: Mapping[str, FakeHost] = {host.name: host for host in hosts}

    def __call__(self, target: SshTarget) -> FakeConnection:
        """Log in to the fake host of the target's name."""
        return self.hosts[target.name].connect()

    def targets(self) -> list[SshTarget]:
        """Give a target for each host."""
        return [SshTarget(name, f"192.0.2.{i}", "ops", "") for i, name in enumerate(self.hosts, start=1)]


def _longest(by_prefix: Mapping[tuple[str, ...], T], argv: Sequence[str]) -> T | None:
    matching = [prefix for prefix in by_prefix if tuple(argv[: len(prefix)]) == prefix]
    return by_prefix[max(matching, key=len)] if matching else None
