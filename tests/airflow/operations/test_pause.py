"""A rollout that is at work pauses before its next step when it is asked to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowRescheduleException
from airflow.task.trigger_rule import TriggerRule

from windlass.airflow.operators.rollout import UpgradePauseOperator, UpgradeResultOperator, UpgradeStepOperator
from windlass.airflow.run_context import RunContext
from windlass.airflow.step_order import left_undone, require_step_order
from windlass.domain.lease import Owner
from windlass.domain.rollout import Step
from windlass.effects.store import ClusterRecords, Leases, MemoryStore, Pause, RunLease
from windlass.errors import RefusedError, SkippedError

DAGS = Path(__file__).resolve().parents[3] / "dags"
ROLLING, ASKING = Owner("upgrade_cluster", "one"), Owner("pause_upgrade", "two")
PAUSE = Pause("one", "two", "2026-11-24T07:00:00+00:00", "the shop is full")
STEP = Step("etcd", ("cp-2",), ("cp-2: etcd v3.6.16 -> v3.7.3",))
GATE = {"from": "v1.36.3", "to": "v1.37.2", "findings": [], "steps": []}


@pytest.fixture(scope="module")
def dags() -> Any:
    return DagBag(str(DAGS), load_op_links=False).dags


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def run(store: MemoryStore, owner: Owner) -> Any:
    made = Mock(spec=RunContext, owner=owner, records=ClusterRecords(store, "demo"), reason=PAUSE.reason)
    made.name = "demo"
    made.lease.side_effect = lambda: lease_of(store, owner)
    return made


def lease_of(store: MemoryStore, owner: Owner) -> RunLease:
    return RunLease(Leases(store, lambda _: False, lambda: datetime.now(UTC)), "demo", owner)


def context(states: dict[str, str | None] | None = None, mine: int = 0, tries: int = 1) -> Any:
    ti = Mock(dag_id="upgrade_cluster", task_id="roll", map_index=mine, try_number=tries)
    ti.get_task_states.return_value = {"one": states or {}}
    return {"ti": ti, "dag_run": Mock(run_id="one"), "params": {}}


def test_a_step_waits_for_all_before_it_and_fails_once_one_failed() -> None:
    require_step_order(context())
    require_step_order(context({"roll_0": "success", "roll_1": "success", "roll_2": "running"}, 2))
    with pytest.raises(AirflowRescheduleException):
        require_step_order(context({"roll_0": "success", "roll_1": "up_for_retry", "roll_2": "running"}, 2))
    with pytest.raises(AirflowRescheduleException):
        require_step_order(context({"roll_2": "running"}, 2))
    with pytest.raises(RefusedError, match="has stopped"):
        require_step_order(context({"roll_0": "failed", "roll_1": "failed", "roll_2": "running"}, 2))


def test_no_step_is_done_after_one_that_a_pause_has_kept_from_being_done() -> None:
    with pytest.raises(SkippedError):
        require_step_order(context({"roll_0": "success", "roll_1": "skipped", "roll_2": "running"}, 2))
    assert left_undone(context({"roll_0": "success", "roll_1": "skipped", "roll_12": "skipped"}), "roll") == {1, 12}
    assert left_undone(context({"roll": "skipped"}), "roll") == frozenset()


def test_a_step_that_is_tried_again_has_begun_and_is_not_paused(store: MemoryStore) -> None:
    here = run(store, ROLLING)
    here.records.ask_pause(PAUSE)
    step = UpgradeStepOperator(task_id="roll", step=STEP.value())
    with pytest.raises(SkippedError, match="paused before etcd cp-2"):
        step.act(context(), here)
    here.lease.side_effect = RefusedError("it goes on to the lease")
    with pytest.raises(RefusedError, match="goes on to the lease"):
        step.act(context(tries=2), here)


def test_the_run_that_rolls_is_asked(store: MemoryStore) -> None:
    lease_of(store, ROLLING).acquire()
    here = run(store, ASKING)

    told = UpgradePauseOperator(task_id="ask").act(context(), here)

    pause = here.records.pause()
    assert pause == Pause("one", "two", told["asked"], PAUSE.reason)
    assert told["run"] == "one"
    assert "run one of upgrade_cluster was asked to pause" in here.log.call_args.args[0]


@pytest.mark.parametrize(
    ("states", "steps", "told"),
    [
        (["success", "skipped"], ["etcd cp-2"], "paused after etcd cp-2 (a pause was asked for at 2026-11-24T07:00"),
        (["skipped", "skipped"], [], "paused before its first step (a pause was asked for at 2026-11-24T07:00"),
    ],
)
def test_the_result_says_after_which_step_it_paused_and_gives_the_lease_back(
    store: MemoryStore, states: list[str], steps: list[str], told: str
) -> None:
    here = run(store, ROLLING)
    here.lease().acquire()
    here.records.ask_pause(PAUSE)
    given = [STEP.value(), Step("etcd", ("cp-1",), ()).value()]
    known = {("gate", None): GATE, ("confirm", None): given, ("confirm", "is_complete"): True, ("roll", None): []}
    asked = context({f"roll_{number}": state for number, state in enumerate(states)})
    asked["ti"].xcom_pull.side_effect = lambda task_ids, key=None: known.get((task_ids, key))

    result = UpgradeResultOperator(task_id="result", gate="gate", confirm="confirm", rollout="roll").act(asked, here)

    assert (result["state"], result["steps"]) == ("paused", steps)
    assert told in here.log.call_args.args[0]
    assert "the same rollout again goes on" in here.log.call_args.args[0]
    assert here.lease().current() is None


def test_a_roll_that_pauses_is_verified_and_ends_well(dags: Any) -> None:
    upgrade = dags["upgrade_cluster"]
    assert upgrade.get_task("verify").trigger_rule.value == TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS.value
    assert upgrade.get_task("result").trigger_rule.value == TriggerRule.NONE_FAILED.value


def test_asking_needs_no_lease_and_is_tried_again(dags: Any) -> None:
    dag = dags["pause_upgrade"]
    assert dag.task_ids == ["ask"]
    assert dag.get_task("ask").retries
    assert {str(getattr(kind, "value", kind)) for kind in dag.allowed_run_types} == {"scheduled", "manual"}
