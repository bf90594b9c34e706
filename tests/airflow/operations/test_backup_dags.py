from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from windlass.airflow.operators.backup import BackupTakeOperator

DAGS = Path(__file__).resolve().parents[3] / "dags"


@pytest.fixture(scope="module")
def dags() -> Any:
    return DagBag(str(DAGS), load_op_links=False).dags


def test_a_failed_backup_fails_its_run_and_etcd_is_looked_after_all_the_same(dags: Any) -> None:
    dag = dags["etcd_backup"]
    assert dag.get_task("expire").trigger_rule == "all_success"
    assert dag.get_task("upkeep").trigger_rule == "all_done"
    assert dag.get_task("take").downstream_task_ids == {"expire", "prove", "upkeep"}


def test_backups_and_drills_run_by_cluster(dags: Any) -> None:
    for name, asset in (("etcd_backup", "windlass_backups"), ("restore_drill", "windlass_drills")):
        assert type(dags[name].timetable).__name__ == "PartitionedAssetTimetable"
        assert asset in str(dags[name].timetable.asset_condition)
    assert [asset.name for asset in dags["backup_dispatch"].get_task("dispatch").outlets] == ["windlass_backups"]
    assert [asset.name for asset in dags["etcd_backup"].get_task("prove").outlets] == ["windlass_drills"]


def test_a_drill_is_cleared_away_however_it_ends(dags: Any) -> None:
    assert dags["restore_drill"].get_task("clear").is_teardown


@pytest.mark.parametrize("name", ["backup_dispatch", "etcd_backup", "restore_drill"])
def test_no_backfill_runs_them(dags: Any, name: str) -> None:
    kinds = {str(getattr(kind, "value", kind)) for kind in dags[name].allowed_run_types}
    assert "backfill" not in kinds
    assert "manual" in kinds


def test_taking_is_tried_again() -> None:
    assert BackupTakeOperator(task_id="take").retries
