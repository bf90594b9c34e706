from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from airflow.dag_processing.dagbag import DagBag

from unit.rollout.conftest import CATALOG
from unit.rollout.test_announce import spec
from unit.services import services_of
from windlass.airflow.operators import available
from windlass.airflow.operators.available import CatalogWatchOperator
from windlass.domain.artifacts import Lock
from windlass.domain.catalog.tested import PROOF, SuiteOutcome, TestRecord, record_of
from windlass.effects.store import ClusterRecords, MemoryStore

DAGS = Path(__file__).resolve().parents[3] / "dags"


def _passed(version: str) -> TestRecord:
    outcome = SuiteOutcome(passed=len(PROOF), failed=0, modules=tuple(PROOF))
    return record_of(CATALOG.release(version), Lock("modules", {}), outcome, "2026-11-24")


@pytest.mark.parametrize(("standing", "told"), [("tested", {"old": ["v1.37.2"]}), ("untested", {})])
def test_people_are_alerted_of_tested_releases(
    monkeypatch: pytest.MonkeyPatch, standing: str, told: dict[str, list[str]]
) -> None:
    sent: list[Any] = []
    store = MemoryStore()
    ClusterRecords(store, "old").save_spec(spec("old", "v1.36.3"))
    services = services_of(
        store,
        load_catalog=lambda: CATALOG,
        release_tests=_passed if standing == "tested" else lambda _: None,
        notify=lambda notices, _: sent.extend(notices),
    )
    monkeypatch.setattr(available, "airflow_services", lambda: services)
    context: Any = {"dag_run": Mock(dag_id="catalog_watch", run_id="run")}

    assert CatalogWatchOperator(task_id="watch").execute(context) == told

    assert [(notice.cluster, notice.is_alert) for notice in sent] == [("old", True)] * len(told)


def test_the_catalog_is_looked_at_by_itself_and_never_twice_at_once() -> None:
    dag = DagBag(str(DAGS), load_op_links=False).dags["catalog_watch"]
    assert dag.max_active_runs == 1
    assert not dag.catchup
