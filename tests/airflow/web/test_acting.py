"""Pages from which people act: forms made of the DAGs' own params, plans, runs as they come up, questions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from airflow.api.common.trigger_dag import trigger_dag
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType
from fastapi.testclient import TestClient
from sqlalchemy import delete, select, update

from windlass.airflow.run_alerts import FAILURE
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.effects.store import ClusterRecords, MemoryStore
from windlass.effects.store.keys import bundle_key
from windlass.operation_names import Operation
from windlass.web import needs
from windlass.web.actions import ACTIONS, BY_OPERATION, action_form
from windlass.web.cluster_runs import SHOWN, ClusterRuns
from windlass.web.fields import Field
from windlass.web.plan_api import Planned
from windlass.web.run_views import RunView, plan_text
from world.specs import THREE

KEYS = MasterKeys.parse(new_master_key().reveal())
ROLES = {"viewer": ["see"], "user": ["operate"], "op": ["approve"], "admin": ["delete"]}
NOW = datetime.now(UTC).replace(microsecond=0)
TEXT = "cluster `demo`\nThe plan, 1 step: <b>etcd</b>"


@pytest.fixture
def store() -> MemoryStore:
    kept = MemoryStore()
    document = THREE.replace("spec:\n", f"spec:\n  access: {{roles: {json.dumps(ROLES)}}}\n", 1)
    ClusterRecords(kept, "demo").save_spec(document)
    ClusterRecords(kept, "open").save_spec(THREE.replace("demo", "open").replace("v1.37.2", "v1.36.3"))
    kept.put(bundle_key("open", "20261124T100000Z-r7", "manifest.json"), b"{}")
    return kept


@pytest.fixture
def client(all_dags: None, server: TestClient, pages: Any, store: MemoryStore) -> Iterator[TestClient]:
    pages.dependency_overrides |= {needs.store: lambda: store, needs.keys: lambda: KEYS}
    yield server
    with create_session() as session:
        session.execute(delete(DagRun))
        session.execute(update(DagModel).values(is_paused=False, is_stale=False))


def login(role: str, name: str = "") -> dict[str, str]:
    user = SimpleAuthManagerUser(username=name or f"some-{role}", role=role)
    return {"Authorization": f"Bearer {get_auth_manager().generate_jwt(user=user)}"}


def get(client: TestClient, path: str, role: str = "admin", name: str = "") -> Any:
    return client.get(f"/windlass/{path}", headers=login(role, name))


def start(dag: str, run: str, person: str = "ada", **conf: Any) -> None:
    trigger_dag(
        dag, triggered_by=DagRunTriggeredByType.REST_API, triggering_user_name=person, run_id=run, conf=conf
    )  # fmt: skip


def task(run: str, task_id: str, state: str, **results: Any) -> Any:
    """Have a task come so far; return its id."""
    with create_session() as session:
        one = session.scalar(select(TaskInstance).where(TaskInstance.run_id == run, TaskInstance.task_id == task_id))
        assert one is not None
        one.state, one.start_date, one.duration = state, NOW, 3.0
        for key, value in results.items():
            XComModel.set(key, value, dag_id=one.dag_id, task_id=task_id, run_id=run, session=session)
        return one.id


def ask(run: str) -> None:
    ti = task(run, "approval", "awaiting_input")
    with create_session() as session:
        options: Any = ["Approve", "Reject"]
        session.add(HITLDetail(ti_id=ti, options=options, subject="Apply it?", body="## Plan\n- cp-1", params={}))


RIGHTS = {"viewer": set(), "user": set(SHOWN) - {"delete_cluster"}, "op": set(), "admin": {"delete_cluster"}}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("operation", BY_OPERATION)
def test_the_form_of_an_action_is_for_whom_the_cluster_and_airflow_let(
    client: TestClient, role: str, operation: str
) -> None:
    assert get(client, f"cluster/demo/do/{operation}", role).status_code == (200 if operation in RIGHTS[role] else 403)
    assert get(client, f"cluster/open/do/{operation}", role).status_code == (403 if role == "viewer" else 200)


@pytest.mark.parametrize("path", ["cluster/{}", "cluster/{}/do/heal_cluster", "cluster/{}/run/apply_cluster/one"])
def test_a_cluster_that_is_not_for_somebody_is_as_if_it_were_not_there(
    client: TestClient, store: MemoryStore, path: str
) -> None:
    ClusterRecords(store, "theirs").save_spec(
        THREE.replace("demo", "theirs").replace("spec:\n", "spec:\n  access: {roles: {team:x: [operate]}}\n", 1)
    )
    start("apply_cluster", "one", cluster="theirs")
    hidden, absent = (get(client, path.format(name)) for name in ("theirs", "absent"))
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert get(client, "cluster/demo/run/apply_cluster/one").status_code == 404


@pytest.mark.parametrize(("role", "lets"), [("viewer", False), ("user", True), ("op", True), ("admin", True)])
def test_the_catalog_is_shown_to_everybody_and_deployed_by_who_may_start_an_apply(
    client: TestClient, role: str, *, lets: bool
) -> None:
    page = get(client, "deploy", role)
    assert page.status_code == 200
    assert ('id="deploy-it"' in page.text) is lets
    assert ('href="/windlass/deploy">Deploy a cluster' in get(client, "", role).text) is lets
    for shown in ("v1.37.2", "v1.36.3", "flannel", "MetalLB", "edge-proxy", "How packets are carried between hosts"):
        assert shown in page.text


def ended(run: str) -> None:
    with create_session() as session:
        session.execute(update(DagRun).where(DagRun.run_id == run).values(state="success"))


def test_a_cluster_is_changed_from_the_spec_that_the_newest_run_has_brought(client: TestClient) -> None:
    def shown(name: str, cluster: str = "open") -> bool:
        return f"name: {name}" in get(client, f"cluster/{cluster}/change").text

    assert "Airflow remembers no run" in get(client, "cluster/open/change").text
    old, new = (THREE.replace("demo", "open").replace("cp-3", name) for name in ("host-old", "host-new"))
    for run, conf in (
        ("one", {"spec": old}),
        ("two", {"spec": new}),
        ("three", {"spec": old, "plan_only": True}),
        ("four", {}),
        ("five", {"spec": old}),
    ):
        start("apply_cluster", run, cluster="open", **conf)
        if run != "five":
            ended(run)
    assert (shown("host-old"), shown("host-new")) == (False, True)
    # The stored spec is of v1.36.3: what an upgrade did is not undone.
    assert "v1.36.3}" in get(client, "cluster/open/change").text
    assert not shown("host-new", "demo")


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("user", 200), ("op", 403), ("admin", 403)])
def test_a_spec_is_changed_by_who_may_operate_the_cluster(client: TestClient, role: str, status: int) -> None:
    assert get(client, "cluster/demo/change", role).status_code == status


def fields(client: TestClient, store: MemoryStore, operation: str) -> dict[str, Field]:
    cluster = client.get("/windlass/api/clusters/open", headers=login("admin")).json()
    bundles = client.get("/windlass/api/clusters/open/bundles", headers=login("admin")).json()
    form = ClusterRuns().form(operation)
    assert form is not None
    filled = action_form(BY_OPERATION[operation], form, cluster, bundles)
    return {one.name: one for one in (*filled.usual, *filled.rare)}


@pytest.mark.parametrize(
    ("operation", "name", "values"),
    [
        ("upgrade_cluster", "version", ["v1.37.2", ""]),
        ("disaster_recovery", "bundle", ["newest", "20261124T100000Z-r7"]),
        ("restore_drill", "bundle", ["newest", "20261124T100000Z-r7"]),
        ("replace_member", "host", ["cp-1", "cp-2", "cp-3"]),
        ("delete_cluster", "gone", ["cp-1", "cp-2", "cp-3"]),
        ("apply_cluster", "accept_new_host_key", ["cp-1", "cp-2", "cp-3"]),
    ],
)
def test_a_form_offers_what_the_cluster_has(
    client: TestClient, store: MemoryStore, operation: str, name: str, values: list[str]
) -> None:
    assert [one.value for one in fields(client, store, operation)[name].options] == values


def test_a_form_has_every_param_of_its_dag_but_those_that_the_page_fills(
    client: TestClient, store: MemoryStore
) -> None:
    for action in ACTIONS:
        form = ClusterRuns().form(action.operation)
        assert form is not None
        names = {one.name for one in form.fields}
        assert set(fields(client, store, action.operation)) == names - {"cluster", "plan_only", "plan_digest"}
        page = get(client, f"cluster/open/do/{action.operation}").text
        assert ("Show the plan" in page) is ("plan_only" in names)


def test_a_dag_that_is_paused_or_gone_is_told(client: TestClient) -> None:
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == "etcd_backup").values(is_paused=True))
        session.execute(update(DagModel).where(DagModel.dag_id == "restore_drill").values(is_stale=True))
    assert "is paused in Airflow" in get(client, "cluster/open/do/etcd_backup").text
    assert get(client, "cluster/open/do/restore_drill").status_code == 409
    assert get(client, "cluster/open/do/watch_health").status_code == 404


def test_a_cluster_that_is_about_to_come_shows_its_run_and_the_one_that_creates_it(client: TestClient) -> None:
    assert get(client, "cluster/new").status_code == 404
    start("apply_cluster", "deploy-1", cluster="new", spec="x")
    start("create_cluster", "apply__deploy-1", cluster="new")
    task("deploy-1", "gate", "success", return_value={"creates": True})
    task("apply__deploy-1", "plan.preflight", "success", return_value={"cp-1": ["install docker"], "w-1": []})
    page = get(client, "cluster/new").text
    assert "not there yet" in page
    part = get(client, "cluster/new/run/apply_cluster/deploy-1").text
    for text in (page, part):
        assert text.count("<article") == 2
        assert "cp-1:\n  - install docker\nw-1: nothing to do" in text
    assert get(client, "cluster/other/run/apply_cluster/deploy-1").status_code == 404


def test_a_cluster_that_was_deleted_is_gone(client: TestClient) -> None:
    start("apply_cluster", "one", cluster="old")
    start("delete_cluster", "two", cluster="old", confirm_name="old")
    assert "any more" in get(client, "cluster/old").text


def test_a_run_shows_its_steps_its_plan_and_why_it_failed_as_text(client: TestClient) -> None:
    start("apply_cluster", "one", cluster="demo", plan_only=True)
    task("one", "gate", "success", return_value={"plan": {"digest": "d" * 64}, "text": TEXT})
    task("one", "lease", "failed", **{FAILURE: {"text": "demo: <i>upgrade</i> has the lease", "told": True}})
    task("one", "check", "skipped")
    page = get(client, "cluster/demo", "viewer").text
    assert "The plan, 1 step: &lt;b&gt;etcd&lt;/b&gt;" in page
    assert f'data-plan-digest="{"d" * 64}"' in page
    assert "&lt;i&gt;upgrade&lt;/i&gt; has the lease" in page
    assert ">check<" not in page.replace("\n", "")


def test_runs_are_those_at_work_and_those_that_people_began_of_late(client: TestClient) -> None:
    for number, (dag, cluster) in enumerate(
        [("apply_cluster", "demo"), ("etcd_backup", "open"), ("heal_cluster", "demo")]
    ):
        start(dag, f"run-{number}", cluster=cluster)
    start("run_command", "command-1", cluster="demo", command="plan")
    with create_session() as session:
        session.execute(update(DagRun).where(DagRun.run_id == "run-2").values(state="success", run_type="scheduled"))
    runs = ClusterRuns()

    def found(cluster: str, since: datetime) -> set[str]:
        return {one.run_id for one in runs.newest(cluster, since)}

    assert found("demo", NOW - timedelta(hours=1)) == {"run-0"}
    with create_session() as session:
        session.execute(update(DagRun).where(DagRun.run_id == "run-0").values(state="failed"))
    assert found("demo", NOW - timedelta(hours=1)) == {"run-0"}
    assert found("demo", NOW + timedelta(hours=1)) == set()
    assert (runs.find("run_command", "command-1"), runs.find("apply_cluster", "none")) == (None, None)


@pytest.mark.parametrize("role", ROLES)
def test_a_question_is_shown_to_who_sees_and_answered_by_who_may_approve(client: TestClient, role: str) -> None:
    start("apply_cluster", "one", cluster="demo")
    ask("one")
    page = get(client, "cluster/demo", role).text
    assert "Apply it?" in page
    assert ('data-answer="Approve"' in page) is (role == "op")


def test_who_started_a_run_is_told_that_two_people_may_be_wanted(client: TestClient) -> None:
    start("apply_cluster", "one", cluster="demo", person="olga")
    ask("one")
    assert "You started this run" in get(client, "cluster/demo", "op", "olga").text
    assert "You started this run" not in get(client, "cluster/demo", "op", "otto").text


def test_an_answer_on_the_page_goes_to_airflows_own_api(client: TestClient) -> None:
    start("apply_cluster", "one", cluster="demo")
    ask("one")
    path = "/api/v2/dags/apply_cluster/dagRuns/one/taskInstances/approval/-1/hitlDetails"
    body = {"chosen_options": ["Approve"], "params_input": {}}
    assert client.patch(path, json=body, headers=login("viewer")).status_code == 403
    assert client.patch(path, json=body, headers=login("op")).status_code == 200
    assert "Apply it?" not in get(client, "cluster/demo", "op").text


def test_what_airflow_does_not_let_somebody_read_of_runs_is_left_out(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    start("apply_cluster", "one", cluster="demo")
    task("one", "gate", "success", return_value={"text": TEXT})
    ask("one")
    lets = type(get_auth_manager()).is_authorized_dag
    hidden: set[str] = set()

    def but(self: Any, *, access_entity: Any = None, **more: Any) -> bool:
        return getattr(access_entity, "name", "") not in hidden and lets(self, access_entity=access_entity, **more)

    monkeypatch.setattr(type(get_auth_manager()), "is_authorized_dag", but)
    for entity, text in (
        ("XCOM", "The plan, 1 step"),
        ("HITL_DETAIL", "Apply it?"),
        ("TASK_INSTANCE", 'class="steps"'),
    ):
        hidden.clear()
        assert text in get(client, "cluster/demo", "op").text
        hidden.add(entity)
        assert text not in get(client, "cluster/demo", "op").text
    hidden.clear()
    hidden.add("RUN")
    assert "<article" not in get(client, "cluster/demo", "op").text
    start("apply_cluster", "two", cluster="open", spec="name: of-a-run")
    ended("two")
    assert "of-a-run" not in get(client, "cluster/open/change").text
    hidden.clear()
    assert "of-a-run" in get(client, "cluster/open/change").text


@pytest.mark.parametrize(
    ("planned", "text"),
    [
        (None, ""),
        ({"text": "a\nb", "plan": {}}, "a\nb"),
        ({"creates": True}, ""),
        ([], "nothing to do"),
        (["cp-1", "cp-2"], "cp-1\ncp-2"),
        ({"plan": ["one"], "w-1": []}, "plan:\n  - one\nw-1: nothing to do"),
    ],
)
def test_plans_are_read_in_every_form_that_operations_have_for_them(planned: Any, text: str) -> None:
    assert plan_text(planned) == text


def test_a_rotation_shows_the_plan_of_the_phase_that_is_due() -> None:
    view = RunView(
        Operation.ROTATE, "one", "demo", "success", "", None, results={"trust_gate": {}, "settle_gate": {"text": "now"}}
    )
    assert view.plan == "now"


def plan(client: TestClient, cluster: str, **params: Any) -> Any:
    body = {"params": params}
    return client.post(f"/windlass/api/clusters/{cluster}/plans", json=body, headers=login("user"))


def test_a_plan_that_the_api_is_asked_for_is_a_run_that_only_plans(client: TestClient) -> None:
    given = plan(client, "demo", reason="look")
    assert given.status_code == 200, given.text
    path = f"api/clusters/demo/plans/apply_cluster/{given.json()['run']}"
    with create_session() as session:
        run = session.scalar(select(DagRun))
        assert run is not None
        assert (run.dag_id, run.triggering_user_name) == ("apply_cluster", "some-user")
        assert run.conf == {"cluster": "demo", "plan_only": True, "reason": "look"}
    assert get(client, path, "viewer").json() == {"state": "waiting", "text": "", "digest": "", "errors": []}
    task(run.run_id, "gate", "success", return_value={"plan": {"digest": "d1"}, "text": TEXT})
    ended(run.run_id)
    assert get(client, path, "viewer").json() == {"state": "planned", "text": TEXT, "digest": "d1", "errors": []}
    for other in (path.replace("/demo/", "/open/"), path.replace("apply_", "create_"), f"{path}-1"):
        assert get(client, other).status_code == 404


def test_a_plan_of_a_cluster_that_is_not_there_yet_tells_what_the_run_that_creates_it_would_do(
    client: TestClient,
) -> None:
    run = plan(client, "new", spec=THREE.replace("demo", "new")).json()["run"]
    start("create_cluster", f"apply__{run}", cluster="new", plan_only=True)
    task(run, "gate", "success", return_value={"creates": True})
    task(f"apply__{run}", "plan.preflight", "failed", **{FAILURE: {"text": "cp-1: no Docker", "told": True}})
    with create_session() as session:
        session.execute(update(DagRun).where(DagRun.run_id == run).values(state="failed"))
    found = get(client, f"api/clusters/new/plans/apply_cluster/{run}").json()
    assert (found["state"], found["errors"]) == ("failed", ["plan.preflight: cp-1: no Docker"])


def test_a_run_that_does_something_is_no_plan(client: TestClient) -> None:
    start("apply_cluster", "one", cluster="demo")
    assert get(client, "api/clusters/demo/plans/apply_cluster/one").status_code == 404


GIVES_RIGHTS = THREE.replace("spec:\n", "spec:\n  access: {roles: {user: [operate, delete]}}\n", 1)


@pytest.mark.parametrize(
    ("role", "operation", "params", "status"),
    [
        ("user", "apply_cluster", {}, 200),
        ("viewer", "apply_cluster", {}, 403),
        ("op", "upgrade_cluster", {}, 403),
        ("user", "delete_cluster", {"confirm_name": "demo"}, 403),
        ("admin", "delete_cluster", {"confirm_name": "demo"}, 200),
        ("user", "apply_cluster", {"spec": GIVES_RIGHTS}, 403),
        ("user", "apply_cluster", {"plan_only": False}, 400),
        ("user", "apply_cluster", {"cluster": "open"}, 400),
        ("user", "apply_cluster", {"spec": "kind: ["}, 400),
        ("user", "apply_cluster", {"gone": "cp-1"}, 400),
        ("user", "etcd_backup", {}, 422),
        ("user", "run_command", {}, 422),
    ],
)
def test_a_plan_takes_the_rights_of_what_it_is_of_and_params_that_its_dag_has(
    client: TestClient, role: str, operation: str, params: dict[str, Any], status: int
) -> None:
    body = {"operation": operation, "params": params}
    answer = client.post("/windlass/api/clusters/demo/plans", json=body, headers=login(role))
    assert answer.status_code == status, answer.text
    with create_session() as session:
        assert (session.scalar(select(DagRun)) is None) is (status != 200)


def test_where_a_dag_is_paused_no_plan_is_begun(client: TestClient) -> None:
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == "apply_cluster").values(is_paused=True))
    answer = plan(client, "demo")
    assert (answer.status_code, "unpause it" in answer.text) == (409, True)


def test_every_operation_that_can_plan_is_offered_by_the_api_and_by_no_other_name(client: TestClient) -> None:
    forms = {one: form for one in SHOWN if (form := ClusterRuns().form(one)) is not None}
    assert set(get_args(Planned)) == {
        name for name, form in forms.items() if "plan_only" in {field.name for field in form.fields}
    }
