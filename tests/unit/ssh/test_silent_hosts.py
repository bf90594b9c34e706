"""A host that answers nothing at all is not waited for again and again."""

from __future__ import annotations

import pytest

from windlass.effects.ssh import pool
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.fake import FakeConnection, FakeHost
from windlass.effects.ssh.pool import Connections
from windlass.errors import UnreachableError

TARGET = SshTarget("w-1", "192.0.2.11", "ops", "")


class Dialled:
    """A host that takes so long to say nothing, on a clock of its own."""

    def __init__(self, takes: float) -> None:
        self.takes, self.now, self.calls = takes, 0.0, 0
        self.host = FakeHost("w-1", is_reachable=False)

    def monotonic(self) -> float:
        return self.now

    def __call__(self, _: SshTarget) -> FakeConnection:
        self.calls += 1
        self.now += self.takes
        return self.host.connect()


@pytest.mark.parametrize(("takes", "calls"), [(15.0, 1), (0.1, 3)])
def test_it_is_asked_again_only_after_as_long_as_it_took(
    monkeypatch: pytest.MonkeyPatch, takes: float, calls: int
) -> None:
    dialled = Dialled(takes)
    monkeypatch.setattr(pool.time, "monotonic", dialled.monotonic)
    connections = Connections([TARGET], dialled)
    for _ in range(3):
        with pytest.raises(UnreachableError, match="w-1: no connection"):
            connections.get("w-1")
    assert dialled.calls == calls
    dialled.now += takes
    dialled.host.is_reachable = True
    assert connections.get("w-1").host == "w-1"


def test_another_login_is_tried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled = Dialled(15.0)
    monkeypatch.setattr(pool.time, "monotonic", dialled.monotonic)
    connections = Connections([TARGET], dialled)
    with pytest.raises(UnreachableError):
        connections.get("w-1")
    dialled.host.is_reachable = True
    connections.renew(TARGET)
    assert connections.get("w-1").host == "w-1"
