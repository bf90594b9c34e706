from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from windlass.airflow.assets import BACKED_UP

DAGS = Path(__file__).resolve().parents[3] / "dags"


@pytest.fixture(scope="module")
def dags() -> Any:
    return DagBag(str(DAGS), load_op_links=False).dags


def test_a_backup_run_is_one_task(dags: Any) -> None:
    assert [task.task_id for task in dags["etcd_backup"].tasks] == ["take"]


def test_backups_and_drills_run_by_cluster(dags: Any) -> None:
    for name, asset in (("etcd_backup", "windlass_backups"), ("restore_drill", "windlass_drills")):
        assert type(dags[name].timetable).__name__ == "PartitionedAssetTimetable"
        assert asset in str(dags[name].timetable.asset_condition)
    assert [asset.name for asset in dags["backup_dispatch"].get_task("dispatch").outlets] == ["windlass_backups"]
    outlets = {asset.name for asset in dags["etcd_backup"].get_task("take").outlets}
    assert outlets == {BACKED_UP.name, "windlass_drills"}


def test_a_drill_is_cleared_away_however_it_ends(dags: Any) -> None:
    assert dags["restore_drill"].get_task("clear").is_teardown


@pytest.mark.parametrize("name", ["backup_dispatch", "etcd_backup", "restore_drill"])
def test_no_backfill_runs_them(dags: Any, name: str) -> None:
    kinds = {str(getattr(kind, "value", kind)) for kind in dags[name].allowed_run_types}
    assert "backfill" not in kinds
    assert "manual" in kinds


def test_taking_is_tried_again(dags: Any) -> None:
    assert dags["etcd_backup"].get_task("take").retries == 2
