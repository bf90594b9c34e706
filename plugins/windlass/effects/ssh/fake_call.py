"""What was asked of a host in memory; see `fake`."""

from __future__ import annotations

from dataclasses import dataclass, field

from windlass.domain.scripts.script import Script


@dataclass(frozen=True)
class Call:
    """What was asked of a host. File operations show as `<put>`, `<put_tree>`, `<read>`, `<stat>` and the paths."""

    argv: tuple[str, ...]
    sudo: bool = False
    stdin: bytes | None = field(default=None, repr=False)
    script: Script | None = None
    """The script that was run, for answers that go by its name and arguments."""
