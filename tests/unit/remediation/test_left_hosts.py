"""Remediation cleans hosts that left while they did not answer, by the rollout's own way of leaving."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import Mock

import pytest

from unit.cluster_run import FakeRun
from unit.rollout.test_rollout_plan import OVERLAPPING, WORKERS, cluster
from windlass.domain.lease import Owner
from windlass.domain.remediation.notes import Note
from windlass.domain.rollout.record import LeftHost, RolloutRecord
from windlass.errors import RefusedError
from windlass.operations.cluster import ClusterSession
from windlass.operations.remediation import left_hosts as module
from windlass.operations.remediation.left_hosts import clean_left_hosts, left_hosts_that_answer
from windlass.operations.rollout.planes import Leftovers

CLUSTER = cluster(OVERLAPPING | WORKERS)
WHOLE = ("the cluster from the host",)


def left(name: str, number: int, *, is_gone: bool = False) -> LeftHost:
    host = CLUSTER.spec.hosts.members[0].model_copy(update={"name": name, "address": f"192.0.2.{number}"})
    return LeftHost(host, "2026-11-29T10:00:00+00:00", "it did not answer", is_gone=is_gone)


@dataclass
class Hosts:
    """What hosts that left have, and what is done about it."""

    rest: dict[str, tuple[str, ...]] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    cleaned: list[str] = field(default_factory=list)
    barred: list[set[str]] = field(default_factory=list)
    refusal: RefusedError | None = None

    def find(self, _: Any, transition: Any) -> Leftovers:
        asked = {host.name for host in transition.asked}
        return Leftovers(
            {name: rest for name, rest in self.rest.items() if name in asked},
            {name: why for name, why in self.silent.items() if name in asked - transition.gone},
        )

    def leave(self, rollout: Any, name: str, _: Callable[[str], bool]) -> tuple[str, ...]:
        assert rollout.transition.lost(name)
        if self.refusal is not None:
            raise self.refusal
        self.cleaned.append(name)
        self.rest[name] = ()
        return ("container etcd",)

    def bar(self, _: Any, names: set[str]) -> tuple[str, ...]:
        self.barred.append(set(names))
        return ()


@pytest.fixture
def run() -> FakeRun:
    made = FakeRun(Owner("heal_cluster", "run"), CLUSTER)
    made.sessions = Mock(side_effect=session_of)
    made.destroy_host = lambda *_: False  # type: ignore[attr-defined]
    return made


def session_of(desired: Any) -> Any:
    return ClusterSession(desired, Mock(), Mock(), Mock(), Mock())


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    made = Hosts()
    monkeypatch.setattr(module, "find_leftovers", made.find)
    monkeypatch.setattr("windlass.operations.rollout.settle.find_leftovers", made.find)
    monkeypatch.setattr(module, "leave", made.leave)
    monkeypatch.setattr(module, "bar_nodes", made.bar)
    monkeypatch.setattr(module, "kubernetes_api", lambda *_: nullcontext(Mock()))
    monkeypatch.setattr(module, "issue_pki", Mock())
    return made


def test_one_that_is_back_is_cleaned_and_the_others_stay_on_record(run: FakeRun, hosts: Hosts) -> None:
    run.records.save_left_hosts([left("old-1", 91), left("old-2", 92), left("old-3", 93, is_gone=True)])
    hosts.rest, hosts.silent = {"old-1": WHOLE}, {"old-2": "old-2: no connection"}
    notes: list[Note] = []
    assert left_hosts_that_answer(run) == ("clean old-1, which has left: remove the cluster from the host",)
    assert clean_left_hosts(run, notes.append, by_person=False) == ("cleaned old-1: container etcd",)
    assert hosts.cleaned == ["old-1"]
    assert [(one.host.name, one.is_gone) for one in run.records.left_hosts()] == [("old-2", False), ("old-3", True)]
    assert hosts.barred == [{"old-2", "old-3"}]
    assert notes[-1].text == "old-1 has left the cluster, and nothing of it is there any more"


def test_one_that_was_called_gone_and_is_back_is_cleaned_too(run: FakeRun, hosts: Hosts) -> None:
    run.records.save_left_hosts([left("old-3", 93, is_gone=True)])
    hosts.rest = {"old-3": WHOLE}
    clean_left_hosts(run, Mock(), by_person=False)
    assert hosts.cleaned == ["old-3"]
    assert run.records.left_hosts() == ()
    assert hosts.barred == [set()]


def test_what_quorum_forbids_is_told_and_tried_again_later(run: FakeRun, hosts: Hosts) -> None:
    run.records.save_left_hosts([left("old-1", 91)])
    hosts.rest, hosts.refusal = {"old-1": WHOLE}, RefusedError("etcd: removing old-1 is refused")
    notes: list[Note] = []
    assert clean_left_hosts(run, notes.append, by_person=False) == ()
    assert ("error", "old-1 has left and could not be cleaned: etcd: removing old-1 is refused") in [
        (one.level, one.text) for one in notes
    ]
    (kept,) = run.records.left_hosts()
    assert kept.reason == "it has the cluster from the host"


def test_a_machine_that_has_the_address_by_now_is_never_touched(run: FakeRun, hosts: Hosts) -> None:
    run.records.save_left_hosts([left("old-1", 11)])
    hosts.rest = {"old-1": WHOLE}
    clean_left_hosts(run, Mock(), by_person=False)
    assert not hosts.cleaned
    assert run.records.left_hosts() == ()


def test_a_name_that_is_in_the_spec_is_never_touched(run: FakeRun, hosts: Hosts) -> None:
    run.records.save_left_hosts([LeftHost(CLUSTER.spec.hosts.members[0], "2026", "gone", is_gone=True)])
    hosts.rest = {"cp-1": WHOLE}
    clean_left_hosts(run, Mock(), by_person=False)
    assert not hosts.cleaned


def test_a_rollout_that_has_not_ended_does_it_itself(run: FakeRun, hosts: Hosts) -> None:
    run.records.save_left_hosts([left("old-1", 91)])
    run.records.save_rollout(RolloutRecord("v1.37.2", "v1.37.2", "run", "2026"))
    hosts.rest = {"old-1": WHOLE}
    assert clean_left_hosts(run, Mock(), by_person=True) == ()
    assert left_hosts_that_answer(run) == ()
    assert not hosts.cleaned


def test_where_the_spec_turns_remediation_off_only_a_person_has_it_done(run: FakeRun, hosts: Hosts) -> None:
    repair = CLUSTER.spec.repair.model_copy(update={"enabled": False})
    run.spec = CLUSTER.model_copy(update={"spec": CLUSTER.spec.model_copy(update={"repair": repair})})
    run.records.save_left_hosts([left("old-1", 91)])
    hosts.rest = {"old-1": WHOLE}
    assert clean_left_hosts(run, Mock(), by_person=False) == ()
    assert clean_left_hosts(run, Mock(), by_person=True)
