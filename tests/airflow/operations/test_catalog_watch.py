from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag

from unit.services import services_of
from windlass.airflow.operators.available import tell_clusters
from windlass.domain.artifacts import Lock
from windlass.domain.catalog.tested import PROOF, SuiteOutcome, TestRecord, record_of
from windlass.effects.catalog import load_catalog
from windlass.effects.store import ClusterRecords, MemoryStore, ServiceLog
from windlass.effects.store.keys import offer_key, spec_key
from windlass.operations.services import Services

DAGS = Path(__file__).resolve().parents[3] / "dags"
CATALOG = load_catalog(DAGS.with_name("include") / "templates" / "kubernetes")


def spec(name: str, version: str) -> str:
    members = [{"name": "a", "address": "192.0.2.1", "roles": ["etcd", "control-plane", "worker"]}]
    body = {"kubernetes": {"version": version}, "hosts": {"members": members}}
    return yaml.safe_dump({"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": name}, "spec": body})


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    for name, version in {"old": "v1.36.3", "new": "v1.37.2"}.items():
        ClusterRecords(made, name).save_spec(spec(name, version))
    made.put(spec_key("broken"), b"no: spec")
    return made


def services(store: MemoryStore, notify: Callable[[Any, Any], None], *, are_tested: bool = True) -> Services:
    def record(version: str) -> TestRecord | None:
        outcome = SuiteOutcome(passed=len(PROOF), failed=0, modules=tuple(PROOF))
        return record_of(CATALOG.release(version), Lock("modules", {}), outcome, "2026-11-24") if are_tested else None

    return services_of(store, load_catalog=lambda: CATALOG, release_tests=record, notify=notify)


def test_each_cluster_is_told_once_of_what_it_may_move_to(store: MemoryStore) -> None:
    sent: list[Any] = []
    given = services(store, lambda notices, _: sent.extend(notices))
    context: Any = {"dag_run": Mock(dag_id="catalog_watch", run_id="run")}

    assert tell_clusters(given, context) == {"old": ["v1.37.2"]}
    assert tell_clusters(given, context) == {}

    assert [(notice.cluster, notice.is_alert) for notice in sent] == [("old", True)]
    assert "etcd v3.6.16 -> v3.7.3" in sent[0].text
    (event,) = ServiceLog(store, "old").newest()
    assert event.text == sent[0].text
    assert store.get(offer_key("old", "v1.37.2")) is not None
    assert ServiceLog(store, "new").newest() == ()


def test_a_cluster_whose_telling_broke_off_is_told_by_the_next_run(store: MemoryStore) -> None:
    sent: list[Any] = []

    def die(notices: Any, context: Any) -> None:
        raise KeyboardInterrupt

    context: Any = {"dag_run": Mock(dag_id="catalog_watch", run_id="run")}
    with pytest.raises(KeyboardInterrupt):
        tell_clusters(services(store, die), context)

    given = services(store, lambda notices, _: sent.extend(notices))
    assert tell_clusters(given, context) == {"old": ["v1.37.2"]}
    assert len(sent) == 1


def test_an_untested_release_is_not_told_of(store: MemoryStore) -> None:
    context: Any = {"dag_run": Mock(dag_id="catalog_watch", run_id="run")}
    assert tell_clusters(services(store, Mock(), are_tested=False), context) == {}


def test_the_catalog_is_looked_at_by_itself_and_never_twice_at_once() -> None:
    dag = DagBag(str(DAGS), load_op_links=False).dags["catalog_watch"]
    assert dag.max_active_runs == 1
    assert not dag.catchup
