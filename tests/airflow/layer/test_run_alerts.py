"""People are told of runs that fail, wait or do not begin, by what Airflow gives its callbacks and tasks."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import BaseNotifier, Variable
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from jinja2 import Environment

from unit.services import BEGIN, quick_clock, services_of
from unit.store.stores import new_keys
from windlass.airflow import approval
from windlass.airflow.alerts import attempt_of
from windlass.airflow.approval import ClusterApprovalOperator
from windlass.airflow.notifications import VARIABLE
from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.run_alerts import FAILURE, notify_failed_run, notify_paused, notify_unwatched
from windlass.airflow.run_context import RunContext
from windlass.domain.apply.created import CreatedRecord
from windlass.effects.store import AuthenticatedStore, ClusterRecords, MemoryStore, NotingStore, Summarizer
from windlass.errors import IntegrityError, NotReadyError

HERE = f"{__name__}.Recorder"
MADE = RunContext.of
DAGS = Path(__file__).resolve().parents[3] / "dags"


class Recorder(BaseNotifier):
    """Keeps what it is told."""

    told: list[str] = []  # noqa: RUF012 - one for all that are made

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Any) -> None:
        Recorder.told.append(self.text)


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    Recorder.told.clear()
    entries = [{"notifier": HERE, "arguments": {"text": "{{ windlass.cluster }}|{{ windlass.text }}"}}]
    monkeypatch.setenv("AIRFLOW__WINDLASS__NOTIFIERS", HERE)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org/")
    monkeypatch.setattr(Variable, "get", lambda key, default: json.dumps(entries) if key == VARIABLE else default)
    return Recorder.told


class Task:
    """A task's turn as Airflow shows it to the task and to callbacks: what it pushes stays until it runs again."""

    def __init__(self, task_id: str = "work", *, tries: int = 1, states: dict[str, str] | None = None) -> None:
        self.task_id, self.dag_id, self.run_id, self.map_index = task_id, "etcd_backup", "run-1", -1
        self.try_number = tries
        self.states = states or {task_id: "failed"}
        self.pushed: dict[tuple[str, int], Any] = {}
        self.before: str | None = None
        self.paused: set[str] = set()

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key, self.map_index] = value

    def xcom_pull(self, *, key: str, task_ids: str, map_indexes: int) -> Any:
        return self.pushed.get((key, map_indexes)) if task_ids == self.task_id else None

    def get_task_states(self, *, dag_id: str, run_ids: list[str]) -> dict[str, Any]:
        assert dag_id == self.dag_id
        return {run_ids[0]: self.states}

    def get_previous_dagrun(self) -> Any:
        return self.before and SimpleNamespace(state=self.before)

    def get_dag(self, name: str) -> Any:
        return SimpleNamespace(is_paused=name in self.paused)


def environment(*, force_sandboxed: bool) -> Environment:
    return Environment(autoescape=True)


class Kept:
    """A key-value store of Airflow's, of a task or of an asset."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def __getitem__(self, _: Any) -> Kept:
        return self

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = value


def context_of(ti: Task, *, run_type: str = "manual", retries: int = 0) -> Any:
    run = SimpleNamespace(dag_id=ti.dag_id, run_id=ti.run_id, run_type=run_type, partition_key="demo", clear_number=0)
    task_ids = [one for one in ti.states if not one.rpartition("_")[2].isdigit()] + ["roll"]
    tasks = [SimpleNamespace(task_id=one, is_teardown=one == "outcome") for one in task_ids]
    return {
        "ti": ti,
        "task": SimpleNamespace(retries=retries),
        "dag_run": run,
        "dag": SimpleNamespace(dag_id=ti.dag_id, tasks=tasks, task_ids=task_ids, get_template_env=environment),
        "run_id": ti.run_id,
        "params": {"cluster": "demo"},
        "reason": "task_failure",
        "task_state_store": Kept(),
        "asset_state_store": Kept(),
    }


class Failing(ClusterOperator):
    """Fails as it is told to."""

    def __init__(self, *, error: Exception, store: MemoryStore, patch: pytest.MonkeyPatch, **options: Any) -> None:
        super().__init__(**{"task_id": "work", **options})
        self.error = error
        services = services_of(store, notify=lambda notices, _: Recorder.told.extend(one.text for one in notices))
        patch.setattr(RunContext, "of", lambda context: MADE(context, services))
        patch.setattr("windlass.airflow.operators.base.require_right", lambda *_, **__: None)

    def act(self, context: Any, run: RunContext) -> Any:
        raise self.error


def run_and_end(operator: ClusterOperator, context: Any) -> None:
    with pytest.raises((AirflowFailException, NotReadyError, RuntimeError)):
        operator.execute(context)
    notify_failed_run(context)


def test_a_run_that_failed_is_told_with_its_tasks_own_words_and_a_link(
    monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    run_and_end(
        Failing(error=IntegrityError("cp-1: not what it was"), store=MemoryStore(), patch=monkeypatch),
        context_of(Task()),
    )
    assert len(told) == 1
    assert told[0].startswith("demo|etcd_backup failed in `work`: cp-1: not what it was; when that is corrected")
    assert told[0].endswith("https://airflow.example.org/dags/etcd_backup/runs/run-1")


def test_a_try_that_is_not_the_last_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    ti = Task(tries=1)
    operator = Failing(error=NotReadyError("soon"), store=MemoryStore(), patch=monkeypatch)
    with pytest.raises(NotReadyError):
        operator.execute(context_of(ti, retries=1))
    assert ti.pushed == {}
    ti.try_number = 2
    with pytest.raises(NotReadyError):
        operator.execute(context_of(ti, retries=1))
    assert ti.pushed[FAILURE, -1] == {"text": "soon", "told": False}


def test_a_failure_that_was_alerted_is_not_told_a_second_time(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    context, store = context_of(Task()), MemoryStore()

    class Alerting(Failing):
        def act(self, context: Any, run: RunContext) -> Any:
            with attempt_of(context, run, 0).alerting(lambda words: f"backup failed: {words}"):
                raise self.error

    run_and_end(Alerting(error=IntegrityError("torn"), store=store, patch=monkeypatch), context)
    assert told == ["backup failed: torn"]


def test_runs_that_start_by_themselves_and_fail_alike_are_told_once(
    monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    store = MemoryStore()
    for seconds in (31, 77):
        operator = Failing(error=IntegrityError(f"no answer for {seconds} s"), store=store, patch=monkeypatch)
        run_and_end(operator, context_of(Task(), run_type="asset_triggered"))
    assert len(told) == 1
    run_and_end(
        Failing(error=IntegrityError("full"), store=store, patch=monkeypatch),
        context_of(Task(), run_type="asset_triggered"),
    )
    assert len(told) == 2
    run_and_end(
        Failing(error=IntegrityError("full"), store=store, patch=monkeypatch), context_of(Task(), run_type="manual")
    )
    assert len(told) == 3, "a person who starts a run wants to know of it"


def test_one_of_several_tasks_and_a_teardown_after_it_are_one_notice(told: list[str]) -> None:
    ti = Task(
        "roll", states={"roll_0": "success", "roll_1": "failed", "outcome": "failed", "verify": "upstream_failed"}
    )
    ti.map_index = 1
    ti.xcom_push(FAILURE, {"text": "w-2: drain", "told": False})
    notify_failed_run(context_of(ti))
    assert [one.partition(";")[0] for one in told] == ["demo|etcd_backup failed in `roll_1`: w-2: drain"]


def test_a_run_of_which_airflow_tells_little_is_told_all_the_same(told: list[str]) -> None:
    context = {
        "dag": SimpleNamespace(dag_id="apply_cluster", get_template_env=environment),
        "run_id": "run-1",
        "reason": "timed_out",
    }
    notify_failed_run(context)  # type: ignore[arg-type]
    assert "apply_cluster failed: it took longer than its runs may" in told[0]


def test_a_schedule_that_goes_on_failing_is_told_once(told: list[str]) -> None:
    ti = Task()
    for before in ("success", "failed", "failed"):
        ti.before = before
        notify_failed_run(context_of(ti, run_type="scheduled"))
    assert len(told) == 1


def test_an_approval_is_told_once_however_often_its_task_is_tried(
    monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    def wait(*_: Any) -> None:
        raise TaskAwaitingInput(method_name="execute_complete", kwargs=None, timeout=None)

    monkeypatch.setattr(approval.ApprovalOperator, "execute", wait)
    operator = ClusterApprovalOperator(task_id="work", subject="Upgrade demo?", response_timeout=timedelta(days=1))
    context = context_of(Task())
    for _ in range(2):
        with pytest.raises(TaskAwaitingInput):
            operator.execute(context)
    assert len(told) == 1
    assert "Upgrade demo?" in told[0]
    assert told[0].endswith("/dags/etcd_backup/runs/run-1/tasks/work/required_actions")
    context["dag_run"].clear_number = 1
    with pytest.raises(TaskAwaitingInput):
        operator.execute(context)
    assert len(told) == 2, "it is asked anew"


def test_an_approval_is_asked_for_although_nobody_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(*_: Any) -> None:
        raise TaskAwaitingInput(method_name="execute_complete", kwargs=None, timeout=None)

    monkeypatch.setattr(approval.ApprovalOperator, "execute", wait)
    monkeypatch.setattr(Variable, "get", lambda key, default: "not JSON")
    with pytest.raises(TaskAwaitingInput):
        ClusterApprovalOperator(task_id="work", subject="Upgrade demo?").execute(context_of(Task()))


def test_a_paused_dag_is_told_once_and_once_that_it_runs_again() -> None:
    sent: list[str] = []
    ti = Task()
    context = context_of(ti)
    for paused in ({"heal_cluster"}, {"heal_cluster"}, set(), set()):
        ti.paused = paused
        notify_paused(context, lambda notices, _: sent.extend(one.text.partition(":")[0] for one in notices))
    assert sent == ["the DAG `heal_cluster` is paused", "`heal_cluster` runs again"]


def test_a_cluster_that_nobody_watches_any_more_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    raw, masters, sent = MemoryStore(), new_keys(), []
    inner = AuthenticatedStore.by(raw, masters)
    store = NotingStore(inner, Summarizer(inner))
    spec = (DAGS.parent / "include/clusters/ha-3-1.yaml").read_text()
    name = next(line for line in spec.splitlines() if "name:" in line).split("name:")[1].strip(" {}")
    records = ClusterRecords(store, name)
    records.save_spec(spec)
    records.save_created(CreatedRecord(BEGIN, "a1"))
    services = services_of(
        store, clock=quick_clock(), notify=lambda notices, _: sent.extend(one.text.partition(";")[0] for one in notices)
    )
    context = context_of(Task())
    notify_unwatched(context, services)
    assert sent == [], "it was never watched, and may be about to be"
    for minutes, is_watched in ((0, True), (20, False), (1, False), (1, False), (1, True)):
        services.clock.sleep(minutes * 60.0)
        if is_watched:
            observed = services.clock.now().isoformat()
            records.save_status({"observed": observed, "hosts": {}, "subjects": [], "findings": []})
        notify_unwatched(context, services)
    assert sent == [f"nobody watches {name} any more", "all clusters are watched again"]


def test_every_dag_tells_of_its_runs_that_failed() -> None:
    bag = DagBag(str(DAGS), load_op_links=False)
    assert {dag_id for dag_id, dag in bag.dags.items() if dag.on_failure_callback is not notify_failed_run} == set()
