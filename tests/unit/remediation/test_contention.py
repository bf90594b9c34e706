from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from windlass.domain.health import Finding, Kind
from windlass.domain.lease import Owner, grant
from windlass.domain.remediation.contention import contention_of
from windlass.domain.remediation.triggers import notices_of, reports_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ME = Owner("heal_cluster", "mine")
OTHER = Owner("heal_cluster", "other")
EARLIER, LATER = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)


def test_a_free_cluster_or_ones_own_is_asked_for() -> None:
    assert contention_of(None, ME, NOW) == "ask"
    assert contention_of(replace(grant(OTHER, "heal_cluster", NOW), released=True), ME, NOW) == "ask"
    assert contention_of(grant(ME, "heal_cluster", NOW), ME, NOW) == "ask"


@pytest.mark.parametrize(("heartbeat", "turn"), [(EARLIER, "wait"), (NOW, "wait"), (LATER, "leave")])
def test_another_remediation_run_is_left_to_it_once_it_is_sure_to_look_again(heartbeat: datetime, turn: str) -> None:
    assert contention_of(replace(grant(OTHER, "heal_cluster", NOW), heartbeat=heartbeat), ME, NOW) == turn


def test_any_other_operation_is_waited_for() -> None:
    holder = replace(grant(Owner("upgrade_cluster", "one"), "upgrade_cluster", NOW), heartbeat=LATER)
    assert contention_of(holder, ME, NOW) == "wait"


def finding(kind: Kind, host: str = "cp-2", component: str = "kube-apiserver") -> Finding:
    return Finding("demo", host, component, kind, NOW, ("cp-1", "w-1"), "refused from cp-1, w-1", failed_checks=3)


def test_a_process_that_is_down_is_acted_on_and_a_cut_network_only_reported() -> None:
    found = [
        finding(Kind.PROCESS_DOWN),
        finding(Kind.NETWORK_CUT, "cp-3", "etcd"),
        finding(Kind.HOST_DOWN, "w-1", "host"),
        finding(Kind.DISK_FULL, "w-1", "/"),
    ]
    (report,) = reports_of(found).values()
    assert (report.key, report.failed_checks, report.seen_from) == ("cp-2/kube-apiserver", 3, ("cp-1", "w-1"))
    cut, full = notices_of(found, NOW)
    assert full.key == "w-1// disk_full"
    assert cut.key == "cp-3/etcd network_cut"
    assert "fix the network" in str(cut)


def test_whatever_remediation_has_not_ended_for_long_is_reported_but_for_a_host_of_which_the_run_tells() -> None:
    found = [finding(Kind.NODE_NOT_READY, "w-1", "node"), finding(Kind.HOST_DOWN, "w-2", "host")]
    assert notices_of(found, NOW + timedelta(minutes=9)) == ()
    assert [one.key for one in notices_of(found, NOW + timedelta(minutes=11))] == ["w-1/node node_not_ready"]


def test_a_node_that_is_not_ready_speaks_of_its_kubelet() -> None:
    assert set(reports_of([finding(Kind.NODE_NOT_READY, "w-1", "node")])) == {"w-1/kubelet"}
