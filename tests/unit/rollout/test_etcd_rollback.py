"""A member goes back to an older minor release only where it is known that the cluster has not moved on."""

from __future__ import annotations

import json
from collections.abc import Callable
from unittest.mock import Mock

import pytest

from unit.rollout.conftest import NEW, World
from windlass.domain.pki import Pki
from windlass.effects.ssh.connection import CommandResult
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.etcd import may_go_back

ONE = {"cp-1": ["etcd", "control-plane"]}
DOWN = CommandResult(7, "", "curl: (7) connection refused")


def roll_of(world: World, to: str = NEW) -> RolloutContext:
    return RolloutContext(world.at(to), world.session, Mock(spec=Pki), lambda _: None)


def says(world: World, agreed: dict[str, str], made_of: dict[str, str]) -> None:
    """Have members say the cluster's version (a host that is not named says nothing), and Docker its container's."""
    for name, machine in world.machines.items():
        answer = json.dumps({"etcdserver": "3.7.3", "etcdcluster": agreed[name]}) if name in agreed else DOWN
        machine.fake.on("curl", answer=answer)
        gone = CommandResult(1, "", "Error: No such container: windlass-etcd")
        machine.fake.on("docker", "inspect", answer=f"{made_of[name]}\n" if name in made_of else gone)


@pytest.mark.parametrize("made_of", [{"cp-1": "v3.7.3"}, {}])
def test_the_only_member_stays_where_it_is_while_it_does_not_answer(
    make_world: Callable[..., World], made_of: dict[str, str]
) -> None:
    world = make_world(roles=ONE)
    says(world, {}, made_of)
    assert may_go_back(roll_of(world)) is None


def test_a_container_of_the_old_release_shows_that_not_all_have_run_the_new_one(world: World) -> None:
    says(world, {}, {"cp-1": "v3.7.3", "cp-2": "v3.7.3", "cp-3": "v3.6.16"})
    assert may_go_back(roll_of(world)) is True
    says(world, {}, {"cp-1": "v3.7.3", "cp-2": "v3.7.3"})
    assert may_go_back(roll_of(world)) is None


@pytest.mark.parametrize(("agreed", "may"), [("3.6.0", True), ("3.7.0", False)])
def test_what_members_that_answer_agreed_on_decides(world: World, agreed: str, *, may: bool) -> None:
    says(world, {"cp-2": agreed}, {"cp-1": "v3.7.3"})
    assert may_go_back(roll_of(world)) is may


def test_within_a_minor_release_nobody_is_asked(world: World) -> None:
    assert may_go_back(roll_of(world, "v1.36.3")) is True
    assert not any(machine.fake.commands() for machine in world.machines.values())
