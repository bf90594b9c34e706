from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Variable
from airflow.sdk.bases.notifier import BaseNotifier

from unit.services import services_of
from windlass.airflow.assets import REPAIRS
from windlass.airflow.notifications import VARIABLE, ClusterNotifier, Notice, receivers, send
from windlass.airflow.operators import remediation
from windlass.airflow.operators.remediation import ClusterHealOperator
from windlass.airflow.run_context import RunContext
from windlass.domain.health import Finding, Kind
from windlass.domain.lease import Owner
from windlass.domain.remediation.triggers import findings_of
from windlass.effects.store import Leases, MemoryStore, RunLease
from windlass.errors import SpecError
from windlass.operations.remediation import Note, RemediationResult, operation

DAGS = Path(__file__).resolve().parents[3] / "dags"
ME = Owner("heal_cluster", "mine")
SINCE = datetime(2026, 11, 24, tzinfo=UTC)
RECORDER = f"{__name__}.Recorder"


@pytest.fixture(scope="module")
def dag() -> Any:
    return DagBag(str(DAGS / "heal_cluster.py"), load_op_links=False).dags["heal_cluster"]


def test_a_repair_is_one_task_that_is_tried_again_when_it_is_killed(dag: Any) -> None:
    (task,) = dag.tasks
    assert task.retries


def test_health_starts_it_for_one_cluster_and_no_backfill_ever_does(dag: Any) -> None:
    assert type(dag.timetable).__name__ == "PartitionedAssetTimetable"
    kinds = {str(getattr(kind, "value", kind)) for kind in dag.allowed_run_types}
    assert kinds == {"scheduled", "manual", "asset_triggered"}


def context(**params: Any) -> Any:
    run = Mock(dag_id="heal_cluster", run_id="mine", partition_key="demo", run_type="asset_triggered")
    return {"ti": Mock(), "dag_run": run, "params": {"cluster": None, **params}}


def test_the_partition_names_the_cluster_and_the_param_outweighs_it() -> None:
    assert RunContext.of(context()).name == "demo"
    assert RunContext.of(context(cluster="other")).name == "other"
    nameless = context()
    nameless["dag_run"].partition_key = None
    with pytest.raises(SpecError, match="is about no cluster"):
        RunContext.of(nameless)


@pytest.mark.parametrize("name", ["demo\n", "../demo", "a/b", "Demo"])
def test_a_partition_that_no_cluster_can_be_called_by_is_refused(name: str) -> None:
    asked = context()
    asked["dag_run"].partition_key = name
    with pytest.raises(SpecError, match="no cluster is called"):
        RunContext.of(asked)


@pytest.mark.parametrize(("reason", "said"), [(None, ""), ("", ""), ("rack 2", "rack 2")])
def test_no_reason_is_an_empty_one(reason: str | None, said: str) -> None:
    assert RunContext.of(context(reason=reason)).reason == said


@pytest.mark.parametrize(("asked", "found"), [(None, [0, 1]), ("", [0, 1]), (1, [1])])
def test_a_run_is_about_every_finding_but_where_it_names_one(asked: Any, found: list[int]) -> None:
    given = [
        Finding("demo", host, "kubelet", Kind.PROCESS_DOWN, SINCE, ("cp-2",), "refused") for host in ("cp-1", "w-1")
    ]
    event = Mock(extra={"findings": [one.to_dict() for one in given]})
    at, run = Mock(spec=RunContext), context(finding=given[asked].id if isinstance(asked, int) else asked)
    at.name = "demo"
    run["triggering_asset_events"] = {REPAIRS: [event]}

    request = remediation._request(run, at)

    assert findings_of(request, None, SINCE) == tuple(given[index] for index in found)


@pytest.mark.parametrize(
    ("run_type", "by_person"), [("manual", True), ("asset_triggered", False), ("scheduled", False)]
)
def test_a_run_knows_whether_a_person_started_it(run_type: str, *, by_person: bool) -> None:
    run = context()
    run["dag_run"].run_type = run_type
    assert remediation._request(run, RunContext.of(run)).by_person is by_person


@pytest.fixture
def run() -> Any:
    made = Mock(spec=RunContext, owner=ME)
    made.name = "demo"
    leases = Leases(MemoryStore(), lambda _: False, lambda: datetime.now(UTC))
    made.lease.return_value = RunLease(leases, "demo", ME)
    made.services = services_of(MemoryStore(), notify=send)
    made.working.side_effect = lambda: nullcontext(made)
    return made


def test_what_was_found_before_a_cluster_was_deleted_ends_well(run: Any) -> None:
    run.records.spec.return_value = run.records.status.return_value = None
    assert ClusterHealOperator(task_id="heal").act(context(), run) == {"the cluster was deleted": []}
    assert run.lease().current() is None


class Recorder(BaseNotifier):
    """Keeps what it is told, in place of a provider's notifier."""

    told: list[str] = []  # noqa: RUF012 - one for all that are made

    def __init__(self, text: str, also: list[str] | None = None) -> None:
        super().__init__()
        self.text = text
        if "broken" in text:
            raise RuntimeError("no such channel")

    def notify(self, context: Any) -> None:
        Recorder.told.append(self.text)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    Recorder.told.clear()
    monkeypatch.setenv("AIRFLOW__WINDLASS__NOTIFIERS", RECORDER)
    return Recorder.told


def configure(monkeypatch: pytest.MonkeyPatch, *entries: dict[str, Any]) -> None:
    text = json.dumps([{"notifier": RECORDER, **entry} for entry in entries])
    monkeypatch.setattr(Variable, "get", lambda key, default: text if key == VARIABLE else default)


ALERT = Notice("demo", "cp-1 does not answer: timed out; switch it on", "error", "cp-1", "host", is_alert=True)
REPAIR = Notice("demo", "Requested 3, Healthy 2, Recreated 1: etcd on cp-2", "warning", "cp-2", "etcd")


def test_alerts_go_to_everybody_and_repairs_to_those_who_want_all(
    monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    configure(
        monkeypatch,
        {"arguments": {"text": "A {{ windlass.title }}"}},
        {"arguments": {"text": "B {{ windlass.text }}"}, "when": "all"},
        {"arguments": {"text": "C"}, "clusters": ["other"]},
    )
    send([ALERT, REPAIR, ALERT], {})
    assert told == ["A [windlass] demo: cp-1 does not answer: timed out", f"B {ALERT.text}", f"B {REPAIR.text}"]


@pytest.mark.parametrize("is_readable", [True, False])
def test_people_are_alerted_while_a_repair_is_still_at_work_and_a_wrong_variable_does_not_stop_it(
    monkeypatch: pytest.MonkeyPatch, told: list[str], run: Any, *, is_readable: bool
) -> None:
    configure(monkeypatch, {"arguments": {"text": "{{ windlass.text }}"}})
    if not is_readable:
        monkeypatch.setattr(Variable, "get", lambda key, default: "no list")
    run.records.spec.return_value, run.records.status.return_value = "a spec", None
    run.records.rollout.return_value, run.store, run.reason = None, MemoryStore(), ""
    run.session = MagicMock()
    run.records.echoed.return_value = datetime.now(UTC)
    run.records.store, run.records.cluster = MemoryStore(), "demo"
    run.delete_lease.return_value.effective.return_value = None
    told_by_then: list[list[str]] = []

    def remediate(context: Any, *_: Any) -> RemediationResult:
        context.report(Note("no quorum; recover", "error", key="etcd"))
        told_by_then.append([*told])
        return RemediationResult((), (), (), (), ())

    monkeypatch.setattr(operation, "remediate", remediate)
    assert ClusterHealOperator(task_id="heal").act(context(), run)["done"] == []
    assert told_by_then == [["no quorum; recover"] if is_readable else []]
    assert told == told_by_then[0]


def test_one_notifier_that_fails_keeps_no_other_from_telling(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    configure(monkeypatch, {"arguments": {"text": "broken"}}, {"arguments": {"text": "works"}})
    send([ALERT], {})
    assert told == ["works"]


def test_the_notifier_for_callbacks_tells_in_both_ways(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    configure(monkeypatch, {"arguments": {"text": "{{ windlass.text }}"}})
    ClusterNotifier("demo", "once")({})
    asyncio.run(ClusterNotifier("demo", "twice").async_notify({}))
    assert told == ["once", "twice"]


@pytest.mark.parametrize("text", ["{", "[1]", '[{"arguments": {}}]'])
def test_a_variable_that_is_not_of_its_form_is_told(text: str) -> None:
    with pytest.raises(SpecError, match="windlass_notifiers"):
        receivers(text)
