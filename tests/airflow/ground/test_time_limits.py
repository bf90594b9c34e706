"""Every task of every DAG ends some time, and none before a slow machine has done what it is for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from windlass.airflow.errors import RETRY_POLICY, ending_on_permanent_errors
from windlass.airflow.rollout_tasks import PHASES
from windlass.airflow.sensors.health import ClusterHealthSensor
from windlass.domain.spec.care import Upgrade

DAGS = Path(__file__).resolve().parents[3] / "dags"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LONGEST_DRAIN = timedelta(seconds=86400)
# The limits that single steps of a task have by themselves, one after another, on one host.
LEAST = {
    "hosts.prepare": 4 * HOUR,
    "cluster.etcd": HOUR,
    "cluster.control_plane": HOUR,
    "cluster.workers": 4 * HOUR,
    "cluster.services": HOUR,
    "remove": HOUR,
    "replace": HOUR,
    "restore": HOUR,
    "take": HOUR,
    "drill": HOUR,
    "heal": HOUR,
    "roll": LONGEST_DRAIN + HOUR,
}


LEAST |= {"revive": HOUR} | {f"{prefix}roll": LEAST["roll"] for prefix in PHASES}


@pytest.fixture(scope="module")
def tasks() -> list[Any]:
    dags = DagBag(str(DAGS), load_op_links=False).dags
    assert len(dags) == len(list(DAGS.glob("*.py")))
    return [task for dag in dags.values() for task in dag.tasks]


def test_each_task_has_a_time_limit(tasks: list[Any]) -> None:
    without = [f"{task.dag_id}.{task.task_id}" for task in tasks if task.execution_timeout is None]
    assert without == []


def test_no_limit_cuts_off_what_a_slow_machine_does(tasks: list[Any]) -> None:
    too_short = [
        f"{task.dag_id}.{task.task_id}: {task.execution_timeout}"
        for task in tasks
        if task.execution_timeout < LEAST.get(task.task_id, 10 * MINUTE)
    ]
    assert too_short == []
    assert set(LEAST) <= {task.task_id for task in tasks}


def test_no_limit_is_so_long_that_it_is_none(tasks: list[Any]) -> None:
    assert max(task.execution_timeout for task in tasks) <= timedelta(days=2)


def test_a_step_of_a_rollout_may_drain_for_as_long_as_a_spec_can_say() -> None:
    (longest,) = [one.le for one in Upgrade.model_fields["drain_seconds"].metadata if hasattr(one, "le")]
    assert timedelta(seconds=longest) == LONGEST_DRAIN


def test_no_run_as_a_whole_has_a_limit_which_would_skip_its_teardowns() -> None:
    # https://github.com/apache/airflow/issues/30264
    assert [dag.dag_id for dag in DagBag(str(DAGS), load_op_links=False).dags.values() if dag.dagrun_timeout] == []


def test_who_waits_for_a_person_or_for_health_does_not_wait_for_ever(tasks: list[Any]) -> None:
    asking = [task for task in tasks if hasattr(task, "response_timeout")]
    asked = {"approval", "approve", "approve_changes"}
    assert {task.task_id for task in asking} == asked | {
        f"{prefix}{one}" for prefix in PHASES for one in ("approval", "approve_changes")
    }
    assert all(timedelta(days=1) <= task.response_timeout <= timedelta(days=30) for task in asking)
    sensor = ClusterHealthSensor(task_id="wait", cluster="demo")
    assert sensor.timeout
    assert sensor.execution_timeout


def test_a_task_that_took_too_long_has_failed_for_good_and_says_what_to_do() -> None:
    with pytest.raises(AirflowFailException, match="clear this task") as raised, ending_on_permanent_errors():
        raise AirflowTaskTimeout("Timeout, PID: 1")
    assert isinstance(raised.value.__cause__, AirflowTaskTimeout)
    # Also where none of our operators stands in between.
    decision = RETRY_POLICY.evaluate(AirflowTaskTimeout("Timeout"), try_number=1, max_tries=3)
    assert decision.action is RetryAction.FAIL
