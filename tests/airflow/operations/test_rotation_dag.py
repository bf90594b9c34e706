"""How the tasks of a rotation hang together: a rollout for each phase, one after the other."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import DownstreamTasksSkipped

from windlass.airflow.rollout import rotated, upgrade_request
from windlass.airflow.rollout_tasks import AFTER_GATE, PHASES
from windlass.domain.pki import Rotated

DAGS = Path(__file__).resolve().parents[3] / "dags"


@pytest.fixture(scope="module")
def dag() -> Any:
    return DagBag(str(DAGS / "rotate_certificates.py"), load_op_links=False).dags["rotate_certificates"]


def test_a_phase_is_planned_once_the_one_before_has_come_to_its_end(dag: Any) -> None:
    assert dag.get_task("prepare").downstream_task_ids == {"revive"}
    assert dag.get_task(f"{PHASES[0]}gate").upstream_task_ids == {"revive"}
    for before, after in itertools.pairwise(PHASES):
        assert dag.get_task(f"{after}gate").upstream_task_ids == {f"{before}result"}
        assert dag.get_task(f"{after}gate").after == f"{before}result"


def test_each_phase_takes_the_lease_after_its_own_approval_and_gives_it_back(dag: Any) -> None:
    for prefix in PHASES:
        assert dag.get_task(f"{prefix}approval").downstream_task_ids == {f"{prefix}lease"}
        assert dag.get_task(f"{prefix}release").is_teardown
        assert dag.get_task(f"{prefix}roll").upstream_task_ids == {f"{prefix}confirm"}


def test_the_run_is_judged_by_its_last_phase(dag: Any) -> None:
    outcome = dag.get_task("outcome")
    assert (outcome.is_teardown, outcome.on_failure_fail_dagrun, outcome.last) == (True, True, "drop_result")
    assert outcome.upstream_task_ids == {"drop_release"}


def test_a_rotation_that_was_paused_begins_no_other_phase(dag: Any) -> None:
    gate = dag.get_task("reissue_gate")
    ti = Mock()
    ti.xcom_pull.side_effect = lambda task_ids: {"state": "paused"} if task_ids == "trust_result" else None
    with pytest.raises(DownstreamTasksSkipped) as caught:
        gate.act({"ti": ti, "params": {}}, Mock())
    assert list(caught.value.tasks) == [*(f"reissue_{task}" for task in AFTER_GATE), "drop_gate"]


def test_all_is_every_authority_and_key_which_take_their_leaves_along() -> None:
    assert set(rotated("all")) == {one.value for one in Rotated} - {"leaves"}
    assert rotated("master-key") == rotated("") == ()
    assert upgrade_request({"what": "etcd-ca"}).rotates == ("etcd-ca",)
