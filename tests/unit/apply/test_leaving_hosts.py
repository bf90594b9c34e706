"""Hosts leave a spec only once they are no part of the cluster any more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock

import pytest

from unit.rollout.test_immutable import BEFORE
from unit.rollout.test_rollout_plan import OVERLAPPING, cluster
from windlass.domain.etcd.membership import EtcdObservation
from windlass.domain.etcd.status import ListedMember, MemberStatus, ObservedMember
from windlass.domain.pki import Pki
from windlass.domain.spec.diff import dropped_hosts
from windlass.domain.spec.models import Host
from windlass.errors import NotReadyError, RefusedError
from windlass.operations.apply import leaving_hosts
from windlass.operations.cluster import ClusterSession

DESIRED = {host.name: f"https://{host.address}:2380" for host in BEFORE.hosts_with("etcd")}
STATUS = MemberStatus(1, 7, 1, 1107, "3.7.3", 2, 9, 9, 1, 1, 2, is_learner=False, errors=())


def test_hosts_that_the_spec_no_longer_has_are_told() -> None:
    assert [host.name for host in dropped_hosts(BEFORE, cluster(OVERLAPPING))] == ["w-1"]
    assert dropped_hosts(cluster(OVERLAPPING), BEFORE) == ()


class _Answers:
    """An API and an etcd that list what they are told to, or do not answer."""

    def __init__(self, nodes: list[str] | None, members: list[str] | None) -> None:
        self.nodes, self.members = nodes, members

    @contextmanager
    def api(self, *_: Any) -> Iterator[Any]:
        if self.nodes is None:
            raise NotReadyError("no API server is ready")
        yield Mock(**{"list.return_value": [{"metadata": {"name": name}} for name in self.nodes]})

    def etcd(self, *_: Any, **__: Any) -> EtcdObservation:
        if self.members is None:
            return EtcdObservation(DESIRED, {DESIRED["cp-1"]: ObservedMember("unknown", reason="cp-1: refused")})
        names = dict.fromkeys(["cp-1", *self.members])
        listed = tuple(ListedMember(number, name, (f"at {name}",)) for number, name in enumerate(names))
        return EtcdObservation(DESIRED, {DESIRED["cp-1"]: ObservedMember("running", STATUS, listed)})


def leave(monkeypatch: pytest.MonkeyPatch, answers: _Answers, *names: str) -> None:
    monkeypatch.setattr(leaving_hosts, "kubernetes_api", answers.api)
    monkeypatch.setattr(leaving_hosts, "observe_etcd", answers.etcd)
    hosts: list[Host] = [host for host in BEFORE.spec.hosts.members if host.name in names]
    leaving_hosts.refuse_hosts_that_are_in_use(Mock(spec=ClusterSession, cluster=BEFORE), Mock(spec=Pki), hosts)


@pytest.mark.parametrize(
    ("answers", "name", "told"),
    [
        (_Answers(["cp-1", "w-1"], []), "w-1", r"w-1 is a node: `kubectl drain w-1`.*`kubectl delete node w-1`"),
        (_Answers(None, []), "w-1", r"whether w-1 are nodes cannot be told \(no API server is ready\)"),
        (_Answers([], ["cp-1", "cp-3"]), "cp-3", r"cp-3 is a member of etcd: remove it"),
        (_Answers([], None), "cp-3", r"whether cp-3 are members of etcd cannot be told \(cp-1: refused\)"),
    ],
)
def test_a_host_that_may_be_in_use_may_not_leave(
    monkeypatch: pytest.MonkeyPatch, answers: _Answers, name: str, told: str
) -> None:
    with pytest.raises(RefusedError, match=f"nothing was changed: .*{told}"):
        leave(monkeypatch, answers, name)


def test_one_that_is_no_part_of_the_cluster_any_more_may(monkeypatch: pytest.MonkeyPatch) -> None:
    leave(monkeypatch, _Answers(["cp-1", "cp-2"], ["cp-1", "cp-2"]), "cp-3", "w-1")
    leave(monkeypatch, _Answers(["cp-1"], None), "w-1")


def test_one_whose_member_has_not_started_yet_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = _Answers([], ["cp-1"])
    added = ListedMember(9, "", (DESIRED["cp-3"],), is_learner=True)
    listed = (ListedMember(1, "cp-1", (DESIRED["cp-1"],)), added)
    observation = EtcdObservation(DESIRED, {DESIRED["cp-1"]: ObservedMember("running", STATUS, listed)})
    monkeypatch.setattr(answers, "etcd", lambda *_, **__: observation)
    with pytest.raises(RefusedError, match="cp-3 is a member of etcd"):
        leave(monkeypatch, answers, "cp-3")
