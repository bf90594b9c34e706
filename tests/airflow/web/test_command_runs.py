"""Runs of commands in Airflow's own database: started once they can be answered, and followed to the answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.xcom import XComModel
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.db import synchronize_log_template
from airflow.utils.session import create_session
from fastapi import HTTPException
from sqlalchemy import delete, update

from airflow import settings
from windlass.operation_names import Operation
from windlass.web.command_runs import MOST_UNANSWERED, CommandRuns

DAGS = Path(__file__).resolve().parents[3] / "dags"
CONF = {"cluster": "demo", "command": "certificates", "arguments": {}, "key": "k"}
BUNDLE = "tests"


@pytest.fixture(scope="module")
def known() -> None:
    """Let Airflow know the DAG, as its DAG processor would."""
    import_all_models()  # else a table is made before one that it refers to is known
    Base.metadata.create_all(settings.engine)
    synchronize_log_template()  # each run refers to one
    dag: Any = DagBag(str(DAGS / "run_command.py"), load_op_links=False).dags[Operation.COMMAND]
    with create_session() as session:
        session.merge(DagBundleModel(name=BUNDLE))
        session.flush()
        SerializedDAG.bulk_write_to_db(BUNDLE, None, [dag], session=session)
        SerializedDagModel.write_dag(LazyDeserializedDAG.from_dag(dag), BUNDLE, session=session)


@pytest.fixture
def runs(known: None) -> Iterator[CommandRuns]:
    yield CommandRuns()
    with create_session() as session:
        session.execute(delete(DagRun))
        session.execute(update(DagModel).values(is_paused=False, is_stale=False))


def set_state(run: str, state: str, answer: str = "") -> None:
    with create_session() as session:
        session.execute(update(DagRun).where(DagRun.run_id == run).values(state=state))
        if answer:
            XComModel.set(
                "return_value", answer, dag_id=Operation.COMMAND, task_id="answer", run_id=run, session=session
            )


def test_a_command_waits_for_a_worker_and_then_has_an_answer(runs: CommandRuns) -> None:
    runs.start("certificates-1", CONF, "vic")
    found = runs.find("certificates-1")
    assert found is not None
    assert (found.person, found.cluster, found.state, found.answer) == ("vic", "demo", "waiting", "")

    set_state("certificates-1", "success", "sealed")
    found = runs.find("certificates-1")
    assert found is not None
    assert (found.state, found.answer) == ("answered", "sealed")


def test_a_run_that_failed_is_told_as_such(runs: CommandRuns) -> None:
    runs.start("certificates-2", {**CONF, "cluster": None}, "vic")
    set_state("certificates-2", "failed")
    found = runs.find("certificates-2")
    assert found is not None
    assert (found.cluster, found.state) == ("", "failed")
    assert runs.find("none") is None


def test_a_person_has_so_many_commands_at_once_and_keeps_nobody_else_from_theirs(runs: CommandRuns) -> None:
    for number in range(MOST_UNANSWERED):
        runs.start(f"audit-{number}", CONF, "vic")
    with pytest.raises(HTTPException, match="not answered yet") as refused:
        runs.start("audit-more", CONF, "vic")
    assert refused.value.status_code == 429
    runs.start("audit-other", CONF, "otto")
    set_state("audit-0", "success")
    runs.start("audit-more", CONF, "vic")


PAUSED, GONE = {"is_paused": True}, {"is_stale": True}


@pytest.mark.parametrize(("change", "told"), [(PAUSED, "unpause it"), (GONE, "does not know")])
def test_where_nothing_would_answer_nothing_is_started(runs: CommandRuns, change: dict[str, bool], told: str) -> None:
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == Operation.COMMAND).values(**change))
    with pytest.raises(HTTPException, match=told) as refused:
        runs.start("plan-1", CONF, "vic")
    assert refused.value.status_code == 409
    assert runs.find("plan-1") is None
