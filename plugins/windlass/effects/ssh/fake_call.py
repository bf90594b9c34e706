"""What a connection asks of a host in memory, and what that answers; see `fake`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from windlass.domain.scripts.script import Script
from windlass.effects.ssh.connection import CommandResult, RemoteFile
from windlass.effects.ssh.fake_stream import StreamHandler


@dataclass(frozen=True)
class Call:
    """What was asked of a host. File operations show as `<put>`, `<put_tree>`, `<read>`, `<stat>` and the paths."""

    argv: tuple[str, ...]
    sudo: bool = False
    stdin: bytes | None = field(default=None, repr=False)
    script: Script | None = None
    """The script that was run, for answers that go by its name and arguments."""


@dataclass(frozen=True)
class Hangs:
    """The answer of a command that never ends."""


class Answering(Protocol):
    """The host at the other end of a fake connection; `FakeHost` says what each part is."""

    name: str
    has_sudo: bool
    files: dict[str, RemoteFile]
    unreadable: set[str]
    services: dict[tuple[str, int], tuple[str, int]]
    tunnel: Callable[[str, int], Any] | None
    writes: list[str]

    def begin(self, call: Call) -> None:
        """Note what is asked; raise if the host is not reached."""

    def end(self, call: Call) -> None:
        """Raise if the answer gets lost."""

    def answer(self, call: Call) -> CommandResult | Hangs:
        """Give the scripted answer."""

    def stream_handler(self, argv: Sequence[str]) -> StreamHandler | None:
        """Give what serves a stream on this command."""
