"""What a run of a recovery decides, over a store in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from unittest.mock import Mock

import pytest

from unit.backup.examples import manifest
from unit.cluster_run import FakeRun, held_by
from unit.recovery.test_recovery import BUNDLE, NEWER, survey
from unit.rollout.conftest import CATALOG
from unit.services import quick_clock
from windlass.domain.backup import BundleState
from windlass.domain.lease import Owner
from windlass.domain.pki import issue_pki
from windlass.domain.recovery import REVISION_GAP, BundleOrigin, RecoveryPlan, RecoveryRequest
from windlass.domain.recovery.fixed_point import is_served
from windlass.domain.recovery.handover import RecoveryHandover, approved_in_advance
from windlass.domain.spec import Cluster, dump_cluster
from windlass.domain.spec.care import Recovery
from windlass.domain.spec.version import at_version
from windlass.effects.store import RolloutRecord
from windlass.errors import NotReadyError, RefusedError
from windlass.operations.recovery import plan as planning
from windlass.operations.recovery import recovery_run
from windlass.operations.recovery.plan import cluster_of, plan_run
from windlass.operations.recovery.recovery_run import adopt_bundle, take_over_cluster

RECOVERY = RecoveryHandover(
    bundle="20261123T074500Z-r1042",
    version="v1.37.2",
    hosts=("cp-1", "w-1"),
    absent=("cp-2",),
    bump=1_000_000_000,
    prepares_all=True,
    approved="",
    text="what is lost",
)
ME, HEALING = Owner("disaster_recovery", "one"), Owner("heal_cluster", "one")


def cluster(name: str = "demo") -> Cluster:
    hosts = [
        {"name": f"cp-{number}", "address": f"192.0.2.{number}", "roles": ["etcd", "control-plane"]}
        for number in (1, 2, 3)
    ]
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": hosts}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": name}, "spec": spec}
    return Cluster.model_validate(document)


PKI = issue_pki(cluster(), datetime.now(UTC))
STATE = BundleState(PKI, dump_cluster(cluster()), encrypts_secrets=True, images={}, stacks={})


def ignore(_: str) -> None:
    pass


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    made = FakeRun(ME, cluster())
    made.catalog = CATALOG
    made.records.save_pki(PKI, made.keys)
    made.bundles = Mock(**{"state.return_value": STATE, "inventory.return_value.bundles": ()})
    return made


def test_a_plan_goes_from_step_to_step_as_plain_values() -> None:
    assert RecoveryHandover.of(RECOVERY.value()) == RECOVERY
    assert all(isinstance(value, str | int | bool | list) for value in RECOVERY.value().values())


def test_a_plan_from_before_there_was_a_question_is_still_read() -> None:
    value = RECOVERY.value()
    del value["question"]
    assert RecoveryHandover.of(value) == RECOVERY


def test_other_hosts_than_were_approved_stop_it() -> None:
    now = RecoveryPlan(hosts=("cp-1", "cp-2", "w-1"), etcd=("cp-1", "cp-2"), absent=(), now="0 of 2")
    with pytest.raises(RefusedError, match=r"then cp-1, w-1; now cp-1, cp-2, w-1\); nothing was changed"):
        RECOVERY.check_same(now)
    replace(RECOVERY, hosts=now.hosts).check_same(now)


def test_a_person_is_asked_unless_the_spec_says_otherwise() -> None:
    assert approved_in_advance(Recovery()) == ""
    assert "automatic" in approved_in_advance(Recovery(approval="automatic"))


@pytest.mark.parametrize(
    ("letters", "life", "origin", "is_settled"),
    [
        ("lll", "mine", BUNDLE, True),
        ("lld", "mine", BUNDLE, True),
        ("ddd", None, BUNDLE, False),
        ("aad", "mine", BUNDLE, False),
        ("lll", "another", NEWER, False),
        ("lll", None, NEWER, True),
    ],
)
def test_a_cluster_needs_no_recovery_once_a_quorum_serves_the_bundles_data_or_what_came_after(
    letters: str, life: str | None, origin: BundleOrigin, *, is_settled: bool
) -> None:
    assert is_served(survey(letters, life=life), origin) is is_settled


def test_the_stored_spec_counts_before_the_bundles(run: FakeRun) -> None:
    run.spec = None
    assert cluster_of(run, "", STATE) == cluster()
    run.spec = at_version(cluster(), "v1.36.3")
    assert cluster_of(run, "", STATE).spec.kubernetes.version == "v1.36.3"


def test_a_bundle_of_a_newer_etcd_is_refused_before_a_host_is_looked_at(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    during = manifest(kubernetes_version="v1.36.3")
    assert during.etcd.version == "3.7.3"
    run.bundles.inventory.return_value.bundles = (during.bundle,)
    monkeypatch.setattr(planning, "choose_verified", lambda *_: during)
    with pytest.raises(RefusedError, match=r"etcd v3.7.3, and Kubernetes v1.36.3 comes with etcd v3.6"):
        plan_run(run, RecoveryRequest("newest", restore_versions=True), "", ignore, ignore)
    run.sessions.assert_not_called()


def as_stored(run: FakeRun) -> None:
    assert run.records.rollout() is None


def as_left_by_an_upgrade(run: FakeRun) -> None:
    run.records.save_rollout(RolloutRecord("v1.36.3", "v1.37.2", "two", "2026-11-24T07:00:00+00:00"))


def as_unknown(run: FakeRun) -> None:
    run.spec = None


class Lost(NamedTuple):
    """What there is before a recovery."""

    given: Callable[[FakeRun], None]
    letters: str = "ddd"
    spec: str = ""


@pytest.mark.parametrize(
    ("lost", "prepares_all"),
    [
        (Lost(as_stored), False),
        (Lost(as_unknown), False),
        (Lost(as_stored, letters="dd?"), True),
        (Lost(as_stored, spec="given"), True),
        (Lost(as_left_by_an_upgrade), True),
    ],
)
def test_all_hosts_are_prepared_where_they_may_not_be_at_the_version_that_comes_back(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch, lost: Lost, *, prepares_all: bool
) -> None:
    run.desired = lambda *_: cluster()
    lost.given(run)
    monkeypatch.setattr(planning, "vault_of", lambda *_: run.bundles)
    monkeypatch.setattr(planning, "choose_verified", lambda *_: manifest())
    monkeypatch.setattr(planning, "survey", lambda *_: survey(lost.letters))
    told: list[str] = []

    plan = plan_run(run, RecoveryRequest("newest"), lost.spec, told.append, ignore)

    assert plan.prepares_all is prepares_all
    assert (plan.bundle, plan.version, plan.approved) == (manifest().id, "v1.37.2", "")
    assert plan.bump >= REVISION_GAP
    assert told[-1] == plan.text
    assert plan.text.startswith("cluster `demo`, Kubernetes v1.37.2, comes back on cp-1, cp-2")
    assert plan.question.startswith("## Recover demo from bundle")


def test_a_repair_run_is_waited_for_and_any_other_operation_is_not(run: FakeRun) -> None:
    held_by(HEALING, run.lease())
    answers = iter([False] * 5)
    run.is_finished = lambda _: next(answers, True)
    take_over_cluster(run.lease(), quick_clock())
    held = run.lease().current()
    assert held is not None
    assert held.owner == ME

    run.lease().release()
    run.is_finished = lambda _: False
    held_by(Owner("create_cluster", "one"), run.lease())
    with pytest.raises(RefusedError, match="is being changed by create_cluster"):
        take_over_cluster(run.lease(), quick_clock())


def test_a_repair_run_without_end_is_a_reason_to_try_again(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery_run, "_PATIENCE", timedelta())
    held_by(HEALING, run.lease())
    with pytest.raises(NotReadyError, match=r"recovery waits: .* heal_cluster"):
        take_over_cluster(run.lease(), quick_clock())


def test_what_the_bundle_has_and_the_store_lacks_is_stored(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run.spec = None
    monkeypatch.setattr(planning, "vault_of", lambda *_: run.bundles)
    told: list[str] = []
    adopt_bundle(run, "", replace(RECOVERY, version="v1.36.3"), told.append)
    assert "v1.36.3" in (run.records.spec() or "")
    assert told == ["the spec is stored, with Kubernetes v1.36.3"]
    adopt_bundle(run, "", replace(RECOVERY, version="v1.36.3"), told.append)
    assert len(told) == 1
