"""Runs that Windlass's own API starts for whoever is logged in, once the rights of both were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from airflow.api.common.trigger_dag import trigger_dag
from airflow.exceptions import ParamValidationError
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from fastapi import Depends, HTTPException
from sqlalchemy.orm import Session


def start_run(session: Session, dag_id: str, run_id: str, conf: Mapping[str, Any], person: str) -> None:
    """Start a run; HTTPException says why Airflow cannot start it, or which of its params is wrong, and what to do."""
    _require_dag(session, dag_id)
    try:
        trigger_dag(
            dag_id,
            triggered_by=DagRunTriggeredByType.REST_API,
            run_type=DagRunType.MANUAL,
            triggering_user_name=person,
            run_id=run_id,
            conf=dict(conf),
            session=session,
        )
    except ParamValidationError as error:
        raise HTTPException(400, f"`{dag_id}` does not take this: {error}") from error


class RunStarter:
    """Starts runs of operations."""

    def start(self, dag_id: str, run_id: str, conf: Mapping[str, Any], person: str) -> None:
        """Start one; see `start_run`."""
        with create_session() as session:
            start_run(session, dag_id, run_id, conf, person)


def run_starter() -> RunStarter:
    """Return what starts runs; a dependency, so that tests can give others."""
    return RunStarter()


TheStarter = Annotated[RunStarter, Depends(run_starter)]


def _require_dag(session: Session, dag_id: str) -> None:
    dag = session.get(DagModel, dag_id)
    if dag is None or dag.is_stale:
        raise HTTPException(
            409, f"Airflow does not know the DAG `{dag_id}`: see its import errors, and whether its dags/ are all there"
        )
    if dag.is_paused:
        raise HTTPException(409, f"the DAG `{dag_id}` is paused in Airflow, so that nothing answers; unpause it")
