"""Runs of commands in Airflow's database: started for whoever gave one, and looked at by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XCOM_RETURN_KEY, XComModel
from airflow.utils.session import create_session
from fastapi import Depends, HTTPException
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from windlass.domain.remote.command_needs import ANSWER_TASK as TASK
from windlass.operation_names import Operation
from windlass.web.run_starting import start_run

MOST_UNANSWERED = 8
"""Commands of one person that are not answered yet: each takes a worker's slot."""
_DAG = Operation.COMMAND
_AT_WORK = ("running", "deferred")
_UNFINISHED = ("queued", "running")


@dataclass(frozen=True)
class CommandRun:
    """What Airflow's database knows of one."""

    person: str
    cluster: str
    state: str
    """`waiting` until a worker has begun, `working`, `answered`, or `failed`."""
    answer: str = ""
    """Sealed; there once it is answered."""


class CommandRuns:
    """All of them."""

    def start(self, run_id: str, conf: Mapping[str, Any], person: str) -> None:
        """Start one; HTTPException says why it could not be answered, and what to do."""
        with create_session() as session:
            if _unanswered(session, person) >= MOST_UNANSWERED:
                raise HTTPException(429, f"{MOST_UNANSWERED} commands of `{person}` are not answered yet; wait for one")
            start_run(session, _DAG, run_id, conf, person)

    def find(self, run_id: str) -> CommandRun | None:
        """Return how far one is; None if there is none of that id."""
        with create_session() as session:
            asked = select(DagRun.state, DagRun.triggering_user_name, DagRun.conf)
            found = session.execute(asked.where(DagRun.dag_id == _DAG, DagRun.run_id == run_id)).one_or_none()
            if found is None:
                return None
            person, cluster = found.triggering_user_name or "", (found.conf or {}).get("cluster") or ""
            if found.state == "success":
                return CommandRun(person, cluster, "answered", _answer(session, run_id))
            return CommandRun(person, cluster, _state(session, run_id, str(found.state)))


def command_runs() -> CommandRuns:
    """Return the runs; a dependency, so that tests can give others."""
    return CommandRuns()


TheRuns = Annotated[CommandRuns, Depends(command_runs)]


def _unanswered(session: Session, person: str) -> int:
    theirs = (DagRun.dag_id == _DAG, DagRun.triggering_user_name == person, DagRun.state.in_(_UNFINISHED))
    return session.scalar(select(func.count()).select_from(DagRun).where(*theirs)) or 0


def _state(session: Session, run_id: str, run_state: str) -> str:
    if run_state not in _UNFINISHED:
        return "failed"
    asked = select(TaskInstance.state).where(
        TaskInstance.dag_id == _DAG, TaskInstance.run_id == run_id, TaskInstance.task_id == TASK
    )
    return "working" if session.scalar(asked) in _AT_WORK else "waiting"


def _answer(session: Session, run_id: str) -> str:
    asked = XComModel.get_many(run_id=run_id, key=XCOM_RETURN_KEY, task_ids=TASK, dag_ids=_DAG)
    found = session.execute(asked).scalars().first()
    return "" if found is None else str(XComModel.deserialize_value(found))
