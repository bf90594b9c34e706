"""What is observed of the members: who could not be asked is unknown, who was asked and does not answer is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from unit.etcd.world import NAMES, PKI, Client, World
from windlass.domain.etcd.membership import EtcdObservation, assess
from windlass.effects.etcd import EtcdTarget
from windlass.errors import UnreachableError
from windlass.operations.etcd.observe import observe_etcd, observe_members
from windlass.operations.services import Clients

OnCall = Callable[[str], None]


@pytest.fixture
def world() -> World:
    return World.healthy()


def observe(world: World, on_call: OnCall, through: Any = observe_etcd) -> EtcdObservation:
    """Observe with `on_call` called before a member is asked, with the host that it is asked through."""

    @contextmanager
    def client(target: EtcdTarget, *_: Any) -> Iterator[Client]:
        on_call(target.host)
        yield Client(world, target.host)

    observation: EtcdObservation = through(replace(world.work([]).session, clients=Clients(etcd=client)), PKI)
    return observation


def healths(observation: EtcdObservation) -> dict[str, str]:
    return {member.name: member.health for member in assess(observation).members}


def test_members_that_serve_are_healthy_and_one_of_them_leads(world: World) -> None:
    observation = observe(world, lambda _: None)
    assert healths(observation) == dict.fromkeys(NAMES, "healthy")
    assert observation.leader == "cp-1"
    assert observation.reasons == {}


def test_one_that_hangs_on_a_host_that_answers_is_unhealthy(world: World) -> None:
    def hang(host: str) -> None:
        if host == "cp-2":
            raise UnreachableError("cp-2: no answer in time")

    observation = observe(world, hang)
    assert healths(observation)["cp-2"] == "unhealthy"
    assert observation.reasons == {"cp-2": "cp-2: no answer in time"}


def test_one_whose_connection_breaks_once_is_asked_again(world: World) -> None:
    asked: list[str] = []

    def break_once(host: str) -> None:
        asked.append(host)
        if asked.count("cp-2") == 1 and host == "cp-2":
            raise UnreachableError("cp-2: the connection was lost")

    assert healths(observe(world, break_once))["cp-2"] == "healthy"
    assert sorted(asked) == ["cp-1", "cp-2", "cp-2", "cp-3"]


def test_one_whose_host_goes_away_while_it_is_asked_is_unknown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts: list[str] = []

    def script(name: str, call: Any) -> str:
        scripts.append(name)
        if name == "cp-2" and "cp-2" in gone:
            raise UnreachableError("cp-2: the connection was lost")
        return answer(name, call)

    gone: set[str] = set()
    answer = world._script
    monkeypatch.setattr(world, "_script", script)

    def go_away(host: str) -> None:
        if host == "cp-2":
            gone.add(host)
            raise UnreachableError("cp-2: the connection was lost")

    observation = observe(world, go_away)
    assert healths(observation)["cp-2"] == "unknown"
    assert scripts.count("cp-2") >= 2


@pytest.mark.parametrize(("through", "asked_through"), [(observe_etcd, set()), (observe_members, {"cp-1", "cp-3"})])
def test_a_member_whose_host_is_silent_is_unknown_whoever_asks(
    world: World, through: Any, asked_through: set[str]
) -> None:
    asked: list[str] = []

    def refuse_others(host: str) -> None:
        asked.append(host)
        if asked.count(host) > 1:
            raise UnreachableError(f"{host}: nothing answers there")

    def known_to_be_gone(*given: Any) -> Any:
        return through(*given, {"cp-2": "cp-2: no route"})

    observation = observe(world, refuse_others, known_to_be_gone)
    assert healths(observation) == {"cp-1": "healthy", "cp-2": "unknown", "cp-3": "healthy"}
    assert observation.unknown == ("cp-2",)
    assert observation.at("cp-2").asked_from == asked_through


def test_a_busy_member_is_given_the_time_that_its_caller_says(world: World) -> None:
    given: list[timedelta] = []

    @contextmanager
    def client(target: EtcdTarget, _: Any, deadline: timedelta) -> Iterator[Client]:
        given.append(deadline)
        yield Client(world, target.host)

    session = replace(world.work([]).session, clients=Clients(etcd=client))
    observe_etcd(session, PKI, answers_within=timedelta(seconds=15))
    assert all(timedelta(seconds=14) < one <= timedelta(seconds=15) for one in given)
