"""A service that comes up is left; one that does not is put back, where it may be, and the error says what runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from unittest.mock import Mock

import pytest

from unit.rollout.conftest import NEW, World
from windlass.domain.pki import Pki
from windlass.errors import UnreachableError
from windlass.operations import waiting
from windlass.operations.cluster import ClusterSession
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.stacks import DidNotComeUpError, StackPart, always, change_part

COMPOSE = "/etc/windlass/stacks/etcd/compose.yaml"
SECOND = timedelta(seconds=0)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PAUSE_SECONDS", 0.0)


def roll_of(world: World) -> RolloutContext:
    return RolloutContext(world.at(NEW), world.session, Mock(spec=Pki), lambda _: None)


def unless_old(why: str) -> Callable[[ClusterSession], str]:
    return lambda session: why if session.release.version == NEW else ""


def part(missing: Callable[[ClusterSession], str], may_go_back: Callable[[], bool | None] = always) -> StackPart:
    return StackPart("cp-1", "etcd", ("etcd",), missing, SECOND, may_go_back)


def version_on(world: World) -> str:
    text = world.machines["cp-1"].fake.files[COMPOSE].content.decode()
    return "new" if "io.windlass.version: v3.7.3" in text else "old"


def test_what_comes_up_stays(world: World) -> None:
    change_part(roll_of(world), part(lambda _: ""))
    assert version_on(world) == "new"
    (script,) = world.machines["cp-1"].scripts
    assert (script.name, script.arguments["stack"], script.arguments["only"]) == ("start-stack", "etcd", ("etcd",))


def test_what_does_not_come_up_is_put_back_and_told_with_its_last_words(world: World) -> None:
    world.machines["cp-1"].fake.on("true")
    world.machines["cp-1"].fake.on("docker", "logs", answer="starting\npanic: no space\n")
    with pytest.raises(
        DidNotComeUpError, match=r"the old version runs again: .*it knows no leader.*panic: no space"
    ) as error:
        change_part(roll_of(world), part(unless_old("it knows no leader")))
    assert version_on(world) == "old"
    assert len(world.machines["cp-1"].scripts) == 2
    assert "run the same rollout again" in str(error.value)


def test_that_the_old_one_does_not_come_up_either_is_told(world: World) -> None:
    world.machines["cp-1"].fake.on("true")
    world.machines["cp-1"].fake.on("docker", "logs", answer="")
    with pytest.raises(
        DidNotComeUpError, match=r"cp-1: etcd did not come up: .*; nor did the old version: .*no space.*fix the cause"
    ):
        change_part(roll_of(world), part(lambda _: "no space"))


def test_past_the_point_of_no_return_nothing_goes_back(world: World) -> None:
    world.machines["cp-1"].fake.on("true")
    world.machines["cp-1"].fake.on("docker", "logs", answer="")
    with pytest.raises(DidNotComeUpError, match=r"past the point of no return.*`disaster_recovery`"):
        change_part(roll_of(world), part(lambda _: "it is slow", may_go_back=lambda: False))
    assert version_on(world) == "new"


def test_what_may_be_past_that_point_stays_too_and_the_error_says_how_to_go_on(world: World) -> None:
    world.machines["cp-1"].fake.on("true")
    world.machines["cp-1"].fake.on("docker", "logs", answer="")
    with pytest.raises(DidNotComeUpError, match=r"may be past the point of no return.*run the same rollout again"):
        change_part(roll_of(world), part(lambda _: "it is slow", may_go_back=lambda: None))
    assert version_on(world) == "new"


def test_a_host_that_cannot_be_reached_is_tried_again_and_not_put_back(world: World) -> None:
    def missing(_: ClusterSession) -> str:
        world.machines["cp-1"].fake.is_reachable = False
        raise UnreachableError("cp-1: no answer")

    with pytest.raises(UnreachableError, match="the host does not answer"):
        change_part(roll_of(world), part(missing))
    assert version_on(world) == "new"


def test_one_that_has_read_other_files_is_recreated_though_it_is_as_rendered(world: World) -> None:
    recreated = StackPart("cp-1", "etcd", ("etcd",), lambda _: "", SECOND, always, recreates=True)
    change_part(roll_of(world), recreated)
    (script,) = [one for one in world.machines["cp-1"].scripts if one.name in {"start-stack", "recreate-container"}]
    assert script.name == "recreate-container"
    assert script.arguments["is_gentle"]
