"""A task refuses a run whose user the cluster does not let, as far as a task can tell: it knows names and no roles."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from unit.services import services_of
from windlass.airflow import run_context
from windlass.airflow.approval import ClusterApprovalOperator
from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.operators.rollout import UpgradeLeaseOperator
from windlass.airflow.run_context import RunContext
from windlass.domain.spec.rights import AccessSection, Person, Right, access_in, may
from windlass.effects.store import ClusterRecords, MemoryStore
from windlass.errors import RefusedError
from windlass.operations.rights import require_approver
from world.everything import dags
from world.specs import SMALL


class Steps(ClusterOperator):
    """Says that it was done."""

    def act(self, context: Any, run: RunContext) -> str:
        """Do it."""
        return "done"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    kept = MemoryStore()
    monkeypatch.setattr(run_context, "airflow_services", lambda: services_of(kept))
    return kept


def let(store: MemoryStore, **roles: list[str]) -> None:
    document = yaml.safe_load(SMALL)
    document["spec"]["access"] = {"roles": {name.replace("__", ":"): rights for name, rights in roles.items()}}
    ClusterRecords(store, "demo").save_spec(json.dumps(document))


def do(user: str | None, dag_id: str = "apply_cluster", kind: str = "manual") -> Any:
    return Steps(task_id="first").execute(context_of(user, dag_id, kind))


def context_of(user: str | None, dag_id: str, kind: str = "manual") -> Any:
    run = SimpleNamespace(dag_id=dag_id, run_id="one", run_type=kind, partition_key=None, triggering_user_name=user)
    return {"dag_run": run, "params": {"cluster": "demo"}, "ti": None}


def test_a_user_who_is_named_may_and_others_may_not(store: MemoryStore) -> None:
    let(store, user__anna=["operate"], user__bert=["delete"])
    assert do("anna") == "done"
    assert do("bert", "delete_cluster") == "done"
    for user, dag_id in (("bert", "apply_cluster"), ("anna", "delete_cluster"), ("zoe", "apply_cluster")):
        with pytest.raises(AirflowFailException, match=rf"{user} may not (operate|delete) this cluster"):
            do(user, dag_id)


def test_a_person_of_whom_nobody_knows_the_name_is_refused(store: MemoryStore) -> None:
    let(store, Op=["operate"])
    with pytest.raises(AirflowFailException, match="nobody that Airflow names may not operate"):
        do(None)


@pytest.mark.parametrize("kind", ["asset_triggered", "scheduled"])
def test_what_is_scheduled_is_the_platforms_own(store: MemoryStore, kind: str) -> None:
    let(store, user__anna=["operate"])
    assert do(None, "heal_cluster", kind) == "done"


@pytest.mark.parametrize("dag_id", ["apply_cluster", "upgrade_cluster", "rotate_certificates"])
def test_who_may_not_any_more_once_a_plan_is_approved_is_refused(store: MemoryStore, dag_id: str) -> None:
    let(store, user__anna=["operate"])
    with DAG(dag_id, schedule=None):
        lease = UpgradeLeaseOperator(task_id="lease", gate="gate", approval="approval", skips=[])
        Steps(task_id="gate") >> lease
    with pytest.raises(AirflowFailException, match="zoe may not operate"):
        lease.execute(context_of("zoe", dag_id))
    assert not list(store.list("clusters/demo/lease"))


def test_every_run_about_one_cluster_is_asked_before_its_first_step_and_after_each_question() -> None:
    about = {name: dag for name, dag in dags().items() if "cluster" in dag.params and name != "run_command"}
    assert len(about) == 13
    for dag in about.values():
        assert all(isinstance(task, ClusterOperator) for task in dag.roots), dag.dag_id
        questions = [task for task in dag.tasks if isinstance(task, ClusterApprovalOperator)]
        for question in questions:
            after = [task for task in question.get_direct_relatives() if isinstance(task, ClusterOperator)]
            assert any(task.asks_again for task in after), question.task_id


def test_what_a_user_starts_by_way_of_another_dag_is_the_users(store: MemoryStore) -> None:
    let(store, user__anna=["operate"])
    with pytest.raises(AirflowFailException, match="zoe may not operate"):
        do("zoe", "create_cluster", "operator_triggered")


def test_roles_are_for_the_api_server_to_judge(store: MemoryStore) -> None:
    let(store, Op=["operate"])
    assert do("zoe") == "done"


@pytest.mark.parametrize("user", ["zoe", None])
def test_without_rights_in_the_spec_airflow_alone_decides(store: MemoryStore, user: str | None) -> None:
    let(store)
    assert do(user) == "done"


def test_an_approver_who_may_not_is_refused(store: MemoryStore) -> None:
    let(store, user__anna=["operate"], user__bert=["approve"])
    run: Any = SimpleNamespace(store=store, name="demo")
    require_approver(run, "bert")
    with pytest.raises(RefusedError, match="anna may not approve"):
        require_approver(run, "anna")


@pytest.mark.parametrize(
    ("roles", "right", "known", "unknown"),
    [
        (["see"], "see", True, None),
        (["see"], "operate", False, False),
        (["approve"], "see", True, None),
        (["delete"], "approve", False, False),
        ([], "see", False, False),
    ],
)
def test_each_right_includes_to_see_and_nothing_else(
    roles: list[str], right: Right, *, known: bool, unknown: bool | None
) -> None:
    access = AccessSection.model_validate({"roles": {"Op": roles}})
    assert may(access, Person("zoe", frozenset({"Op"})), right) is known
    assert may(access, Person("zoe", None), right) is unknown
    assert may(access, Person("Op", frozenset({"op", "user:Op"})), right) is False


def test_a_role_cannot_be_called_like_a_user() -> None:
    access = AccessSection.model_validate({"roles": {"user:anna": ["operate"]}})
    assert may(access, Person("zoe", frozenset({"user:anna"})), "operate") is False


@pytest.mark.parametrize("data", [b"\xff", b"kind: [", b"spec: 7", b""])
def test_a_broken_spec_that_says_nothing_of_it_keeps_nobody_out(data: bytes) -> None:
    assert access_in("demo", data) == AccessSection()


@pytest.mark.parametrize("data", [b"\xff access:", b"spec: {access: [", b"spec: {access: {roles: {Op: [all]}}}"])
def test_a_broken_spec_that_says_something_of_it_keeps_everybody_out(data: bytes) -> None:
    with pytest.raises(RefusedError, match="windlass store spec demo --write FILE"):
        access_in("demo", data)
