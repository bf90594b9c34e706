"""What a step does with a service as it finds it, after whatever try was broken off before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

from unit.rollout.conftest import NEW, World
from windlass.domain.etcd.membership import EtcdObservation, assess
from windlass.domain.etcd.status import ObservedMember
from windlass.domain.host.drift import HostDrift, ServiceDrift
from windlass.domain.host.file_drift import FileDrift
from windlass.domain.pki import Pki
from windlass.domain.rollout import API_SERVER, ETCD, HostState, Step
from windlass.effects.ssh.connection import RemoteFile
from windlass.errors import NotReadyError
from windlass.operations.rollout import steps
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.steps import do_step

SERVICES = {ETCD: "etcd", API_SERVER: "kube-apiserver"}


@pytest.fixture(params=list(SERVICES))
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def acted(monkeypatch: pytest.MonkeyPatch) -> Mock:
    act = Mock(return_value=())
    monkeypatch.setattr(steps, "install_host_certificates", Mock(return_value=()))
    monkeypatch.setattr(steps, "change_etcd", act)
    monkeypatch.setattr(steps, "change_api_server", act)
    monkeypatch.setattr(steps, "observe_host", lambda session, _, host, conn: LOOK_AT_HOST(session, None, host, conn))
    return act


LOOK_AT_HOST = steps.observe_host


def do(world: World, kind: Any, version: str = NEW) -> None:
    rollout = RolloutContext(world.at(version), world.session, Mock(spec=Pki), lambda _: None)
    do_step(rollout, Step(kind, ("cp-2",), ()), RemoteFile(b""))


def test_one_that_runs_as_before_stops_for_its_change(world: World, acted: Mock, kind: Any) -> None:
    do(world, kind)
    assert acted.call_args.kwargs == {"stops": True, "recreates": False}


def test_one_that_was_changed_already_is_only_waited_for(world: World, acted: Mock, kind: Any) -> None:
    do(world, kind, world.session.release.version)
    assert acted.call_args.kwargs == {"stops": False, "recreates": False}


def test_one_that_a_try_before_left_stopped_is_started_whatever_the_others_do(
    world: World, acted: Mock, kind: Any
) -> None:
    del world.machines["cp-2"].services[SERVICES[kind]]
    do(world, kind)
    assert acted.call_args.kwargs == {"stops": False, "recreates": False}


def test_certificates_lie_there_before_the_file_that_tells_of_their_directories(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    look = LOOK_AT_HOST(world.session, None, *host_of(world))
    lacks = replace(
        look, drift=HostDrift(certificates=(FileDrift("/etc/windlass/pki/scheduler/ca.crt", "is missing"),))
    )
    monkeypatch.setattr(steps, "observe_host", lambda *_: lacks)
    monkeypatch.setattr(steps, "install_host_certificates", lambda *_: done.append("certificates") or ("certificates",))
    monkeypatch.setattr(steps, "change_api_server", lambda *_, **__: done.append("API server") or ())
    do(world, API_SERVER)
    assert done == ["certificates", "API server"]


def test_that_no_member_answers_is_no_answer_yet() -> None:
    silent = ObservedMember("stopped", reason="cp-1: connection refused")
    observation = EtcdObservation({"cp-1": "https://192.0.2.1:2380"}, {"https://192.0.2.1:2380": silent})
    with pytest.raises(NotReadyError, match=r"no member answers.*: cp-1: connection refused"):
        assess(observation)


def host_of(world: World) -> tuple[Any, Any]:
    return world.session.hosts[0], world.session.connections.get(world.session.hosts[0].name)


def test_one_that_reads_other_authorities_gets_them_first_and_is_recreated(
    world: World, acted: Mock, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = HostDrift(
        certificates=(FileDrift("/etc/windlass/pki/etcd/ca.crt", "is another"),),
        services=tuple(
            ServiceDrift(
                Mock(stack=stack, component=name),
                is_running=True,
                version="v1",
                is_other_rendering=False,
                reads="it reads",
            )
            for stack, name in (("etcd", "etcd"), ("control-plane", "kube-apiserver"))
        ),
    )
    look = replace(LOOK_AT_HOST(world.session, None, *host_of(world)), drift=reads, state=HostState())
    written = Mock(return_value=("certificates",))
    monkeypatch.setattr(steps, "observe_host", lambda *_: look)
    monkeypatch.setattr(steps, "install_host_certificates", written)
    do(world, kind, world.session.release.version)
    assert written.called
    assert acted.call_args.kwargs["recreates"]
