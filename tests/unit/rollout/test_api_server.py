"""An API server that comes up is waited for; one that ends again and again is put back at once."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import Mock

import pytest

from unit.rollout.conftest import NEW, World
from windlass.domain.pki import Pki
from windlass.effects.ssh.connection import CommandResult
from windlass.effects.ssh.fake import Call
from windlass.operations import waiting
from windlass.operations.rollout.api_server import change_api_server
from windlass.operations.rollout.context import Limits, RolloutContext
from windlass.operations.rollout.stacks import DidNotComeUpError

STATS = "# pxname,svname,status,\n" + "".join(f"api-servers,cp-{number},UP,\n" for number in (1, 2, 3))
COMPOSE = "/etc/windlass/stacks/control-plane/compose.yaml"
REFUSED = CommandResult(7, "", "curl: (7) connection refused")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PAUSE_SECONDS", 0.0)


def roll_of(world: World) -> RolloutContext:
    for machine in world.machines.values():
        machine.fake.on("curl", "-fsS", answer=STATS)
        machine.fake.on("true")
        machine.fake.on("docker", "logs", answer="Error: unknown flag\n")
    limits = Limits(api_ready=timedelta(minutes=1), api_hold=timedelta(0))
    return RolloutContext(world.at(NEW), world.session, Mock(spec=Pki), lambda _: None, limits)


def test_one_that_starts_slowly_is_waited_for(world: World) -> None:
    rollout, answers = roll_of(world), [REFUSED, REFUSED]

    def ready(_: Call) -> CommandResult | str:
        return answers.pop() if answers else "ok"

    world.machines["cp-1"].fake.on("curl", "-sS", answer=ready)
    world.machines["cp-1"].fake.on("docker", "inspect", answer="0\n")
    change_api_server(rollout, "cp-1", stops=True)
    assert answers == []


def test_one_that_ends_again_and_again_is_put_back_at_once(world: World) -> None:
    rollout = roll_of(world)
    fake = world.machines["cp-1"].fake

    def ready(_: Call) -> CommandResult | str:
        return REFUSED if f"version: {NEW}" in fake.files[COMPOSE].content.decode() else "ok"

    fake.on("curl", "-sS", answer=ready)
    fake.on("docker", "inspect", answer="5\n")
    told = r"the old version runs again: cp-1: its API server has ended 5 times.*unknown flag"
    with pytest.raises(DidNotComeUpError, match=told):
        change_api_server(rollout, "cp-1", stops=True)
