from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator

from unit.backup.examples import manifest, new_keys
from unit.rollout.conftest import CATALOG
from unit.services import quick_clock, services_of
from windlass.airflow.operators import recovery as recovery_operators
from windlass.airflow.operators.recovery import RecoveryApprovalOperator, RecoveryLeaseOperator, RecoveryPlanOperator
from windlass.airflow.recovery import RecoveryHandover, check_same, cluster_of, wish_of, with_version
from windlass.airflow.run_context import RunContext
from windlass.domain.backup import BundleState
from windlass.domain.lease import Owner
from windlass.domain.pki import issue_pki
from windlass.domain.recovery import RecoveryPlan, RecoveryRequest
from windlass.domain.spec import Cluster, dump_cluster
from windlass.effects.bundles import Vault
from windlass.effects.store import Leases, MemoryStore, RunLease
from windlass.errors import NotReadyError, RefusedError

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


def cluster(name: str = "demo") -> Cluster:
    hosts = [{"name": "cp-1", "address": "192.0.2.1", "roles": ["etcd", "control-plane"]}]
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": hosts}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": name}, "spec": spec}
    return Cluster.model_validate(document)


def context(recovery: RecoveryHandover = RECOVERY, **params: Any) -> Any:
    made = {"ti": Mock(), "params": {"cluster": "demo", **params}}
    made["ti"].xcom_pull.return_value = recovery.to_xcom()
    return made


def test_the_plan_goes_from_task_to_task_as_plain_data() -> None:
    assert RecoveryHandover.of(context()) == RECOVERY
    assert all(isinstance(value, str | int | bool | list) for value in RECOVERY.to_xcom().values())


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_param_is_no_wish(empty: str | None) -> None:
    names = ["bundle", "restore_versions", "overwrite_healthy", "confirm_name"]
    assert wish_of(dict.fromkeys(names, empty)) == wish_of({})


def test_params_become_a_wish() -> None:
    assert wish_of({}) == RecoveryRequest("newest")
    asked = {"bundle": "2026-11-23T07:45", "restore_versions": True, "overwrite_healthy": True, "confirm_name": "demo"}
    assert wish_of(asked) == RecoveryRequest(
        "2026-11-23T07:45", restore_versions=True, overwrite_healthy=True, confirm_name="demo"
    )


@pytest.mark.parametrize("approved", [True, False])
def test_a_person_is_asked_unless_the_spec_says_otherwise(monkeypatch: pytest.MonkeyPatch, *, approved: bool) -> None:
    asked = Mock()
    monkeypatch.setattr(ApprovalOperator, "execute", asked)
    recovery = replace(RECOVERY, approved="the spec says so" if approved else "")

    RecoveryApprovalOperator(task_id="approve").execute(context(recovery))

    assert asked.called is not approved


def test_what_is_lost_is_before_the_eyes_of_who_is_asked() -> None:
    operator = RecoveryApprovalOperator(task_id="approve")
    assert {"subject", "body"} <= set(operator.template_fields)
    asked = replace(RECOVERY, question="## Recover demo?\n\n- {{ params }} {% raw %} {# stays #}")
    told: Any = {"ti": SimpleNamespace(xcom_pull=lambda task_ids: {"plan": asked.to_xcom()}[task_ids]), "params": {}}
    assert operator.render_template(operator.body, told) == asked.question


def test_a_plan_from_before_there_was_a_question_is_still_read() -> None:
    asked = context()
    del asked["ti"].xcom_pull.return_value["question"]
    assert RecoveryHandover.of(asked) == RECOVERY


def test_the_stored_spec_counts_before_the_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = cluster()
    state = BundleState(issue_pki(bundled, datetime.now(UTC)), dump_cluster(bundled), True, {}, {})  # noqa: FBT003
    run = Mock(spec=RunContext)
    run.name = "demo"
    run.stored.return_value = None
    assert cluster_of(run, None, state) == bundled

    run.stored.return_value = run.desired.return_value = with_version(bundled, "v1.36.3")
    assert cluster_of(run, None, state).spec.kubernetes.version == "v1.36.3"


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """A workplace over a store in memory, with one bundle."""
    run = Mock(spec=RunContext, owner=Owner("disaster_recovery", "one"), keys=new_keys(), store=MemoryStore())
    run.name = "demo"
    run.services, run.is_finished = services_of(run.store, clock=quick_clock()), Mock(return_value=False)
    leases = Leases(run.store, run.is_finished, lambda: datetime.now(UTC))
    run.lease.return_value = RunLease(leases, "demo", run.owner)
    run.stored.return_value = run.desired.return_value = cluster()
    run.records.pki.return_value = issue_pki(cluster(), datetime.now(UTC))
    state = BundleState(run.records.pki.return_value, dump_cluster(cluster()), True, {}, {})  # noqa: FBT003
    run.vault.return_value = Mock(spec=Vault, **{"state.return_value": state})
    return run


def test_a_bundle_of_a_newer_etcd_is_refused_before_a_host_is_looked_at(
    stored: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    amid = manifest(kubernetes_version="v1.36.3")
    assert amid.etcd.version == "3.7.3"
    stored.catalog = CATALOG
    stored.vault.return_value.inventory.return_value.bundles = (amid.bundle,)
    monkeypatch.setattr(recovery_operators, "choose_verified", lambda *_: amid)
    plan = RecoveryPlanOperator(task_id="plan", skips=[])
    with pytest.raises(RefusedError, match=r"etcd v3.7.3, and Kubernetes v1.36.3 comes with etcd v3.6"):
        plan.act(context(restore_versions=True), stored)
    stored.session.assert_not_called()


def test_a_repair_run_is_waited_for_and_any_other_operation_is_not(stored: Mock) -> None:
    replace(stored.lease(), owner=Owner("heal_cluster", "one")).acquire()
    stored.is_finished.side_effect = [False] * 5 + [True] * 5
    assert RecoveryLeaseOperator(task_id="lease").act(context(), stored) == "disaster_recovery (run one)"

    stored.is_finished.side_effect = None
    stored.lease().release()
    replace(stored.lease(), owner=Owner("create_cluster", "one")).acquire()
    with pytest.raises(RefusedError, match="is being changed by create_cluster"):
        RecoveryLeaseOperator(task_id="lease").act(context(), stored)


def test_a_repair_run_without_end_is_a_reason_to_try_again(stored: Mock) -> None:
    replace(stored.lease(), owner=Owner("heal_cluster", "one")).acquire()
    with pytest.raises(NotReadyError, match=r"recovery waits: .* heal_cluster"):
        RecoveryLeaseOperator(task_id="lease").act(context(), stored)


def test_other_hosts_than_were_approved_stop_it() -> None:
    now = RecoveryPlan(hosts=("cp-1", "cp-2", "w-1"), etcd=("cp-1", "cp-2"), absent=(), now="0 of 2")
    with pytest.raises(RefusedError, match=r"then cp-1, w-1; now cp-1, cp-2, w-1\); nothing was changed"):
        check_same(RECOVERY, now)
    check_same(replace(RECOVERY, hosts=now.hosts), now)
