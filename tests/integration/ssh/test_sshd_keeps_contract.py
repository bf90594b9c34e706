from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from contracts.ssh import TransportContract, World
from windlass.effects.ssh.client import connect
from windlass.effects.ssh.connection import SshTarget


class RunningSshd(Protocol):
    def trusted(self) -> SshTarget: ...


def says_itself(argv: tuple[str, ...], answer: object) -> None:
    """A real host needs no script."""


class TestSshd(TransportContract):
    @pytest.fixture
    def world(self, sshd: RunningSshd, tmp_path: Path) -> Iterator[World]:
        target = sshd.trusted()
        with connect(target) as connection:
            yield World(connection, says_itself, str(tmp_path), (target.address, target.port))
