"""What Airflow's database knows of the runs of one cluster, and of the DAGs that people start."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunType
from fastapi import Depends
from sqlalchemy import ColumnElement, and_, or_, select, tuple_
from sqlalchemy.orm import Session

from windlass.airflow.run_alerts import FAILURE
from windlass.operation_names import Operation
from windlass.web.fields import Field, param_field
from windlass.web.requests import OF_ALL
from windlass.web.run_views import PLANNERS, RESULT, UNFINISHED, QuestionView, RunView, StepView

SHOWN = frozenset(Operation) - OF_ALL - {Operation.COMMAND}
"""The DAGs whose runs are about one cluster, and whose results nobody has sealed."""
MOST = 6
"""Runs that a page shows."""
GIVEN_SPECS = (Operation.APPLY, Operation.CREATE, Operation.UPGRADE, Operation.RECOVER)
"""The DAGs that bring a cluster to a spec which they are given."""
_LOOKED_AT = 50
_LEFT_OUT = ("skipped", "removed")
_WAITING = ("awaiting_input", "deferred", "running")
Run = tuple[str, str]
"""DAG and run id."""


@dataclass(frozen=True)
class DagForm:
    """What a DAG takes."""

    fields: tuple[Field, ...]
    is_paused: bool = False


class ClusterRuns:
    """All of it; with no right asked for, which is for the pages."""

    def newest(self, cluster: str, since: datetime) -> tuple[RunView, ...]:
        """Return the runs of a cluster that are at work, and those that people have started since; newest first."""
        is_recent = and_(DagRun.run_type == DagRunType.MANUAL, DagRun.run_after >= since)
        is_its = or_(DagRun.conf["cluster"].as_string() == cluster, DagRun.partition_key == cluster)
        return self._read(DagRun.dag_id.in_(SHOWN), or_(DagRun.state.in_(UNFINISHED), is_recent), is_its)

    def find(self, dag_id: str, run_id: str) -> RunView | None:
        """Return one run; None if there is none, or none that pages show."""
        found = self._read(DagRun.dag_id == dag_id, DagRun.run_id == run_id) if dag_id in SHOWN else ()
        return next(iter(found), None)

    def newest_spec(self, cluster: str) -> str:
        """Return the spec that the newest run has brought which changed the cluster by one; empty if there is none."""
        is_its = DagRun.conf["cluster"].as_string() == cluster
        asked = select(DagRun.conf).where(DagRun.dag_id.in_(GIVEN_SPECS), DagRun.state == DagRunState.SUCCESS, is_its)
        with create_session() as session:
            found = session.scalars(asked.order_by(DagRun.run_after.desc()).limit(_LOOKED_AT))
            specs = (str(one.get("spec") or "") for one in found if one and one.get("plan_only") is not True)
            return next(filter(None, specs), "")

    def form(self, dag_id: str) -> DagForm | None:
        """Return what a DAG takes; None if Airflow does not know it."""
        with create_session() as session:
            model, dag = session.get(DagModel, dag_id), SerializedDagModel.get_dag(dag_id, session=session)
            if model is None or model.is_stale or dag is None:
                return None
            fields = tuple(_field(name, dag.params.get_param(name)) for name in dag.params)
            return DagForm(fields, bool(model.is_paused))

    def _read(self, *conditions: ColumnElement[bool]) -> tuple[RunView, ...]:
        with create_session() as session:
            found = session.scalars(select(DagRun).where(*conditions).order_by(DagRun.run_after.desc()).limit(MOST))
            runs = [one for one in found if _cluster_of(one)]
            keys = [(one.dag_id, one.run_id) for one in runs]
            tasks, questions, values = _tasks(session, keys), _questions(session, keys), _values(session, keys)
            return tuple(
                _view(one, tasks.get(key, []), questions.get(key, []), values.get(key, {}))
                for key, one in zip(keys, runs, strict=True)
            )


def cluster_runs() -> ClusterRuns:
    """Return the runs; a dependency, so that tests can give others."""
    return ClusterRuns()


TheClusterRuns = Annotated[ClusterRuns, Depends(cluster_runs)]


def with_creation(runs: ClusterRuns, dag: str, run: str) -> Iterator[RunView]:
    """Yield a run, and the one that creates the cluster for it; see `ClusterCreateOperator`."""
    asked = [(dag, run), *([(Operation.CREATE.value, f"apply__{run}")] if dag == Operation.APPLY else [])]
    yield from (found for one in asked if (found := runs.find(*one)) is not None)


def _field(name: str, param: Any) -> Field:
    described = {"description_md": param.description} if param.description else {}
    return param_field(name, {**described, **param.schema}, None if _is_unset(param.value) else param.value)


def _is_unset(value: Any) -> bool:
    """Tell whether a param has no default, for which Airflow has a value of its own."""
    return not isinstance(value, str | int | float | bool | list | dict)


def _cluster_of(run: DagRun) -> str:
    named = (run.conf or {}).get("cluster") or run.partition_key
    return named if isinstance(named, str) else ""


Row = tuple[str, int]
"""Task and map index."""
Values = Mapping[tuple[str, int, str], Any]
"""By task, map index and key."""


def _view(run: DagRun, tasks: Sequence[Any], questions: Sequence[QuestionView], values: Values) -> RunView:
    return RunView(
        dag_id=run.dag_id,
        run_id=run.run_id,
        cluster=_cluster_of(run),
        state=str(run.state),
        person=run.triggering_user_name or "",
        began=run.start_date or run.run_after,
        conf=dict(run.conf or {}),
        tasks=tuple(_task(one, values) for one in tasks),
        questions=tuple(questions),
        results={task: value for (task, _, key), value in values.items() if key == RESULT},
    )


def _task(one: Any, values: Values) -> StepView:
    failure = values.get((one.task_id, one.map_index, FAILURE)) if one.state == "failed" else None
    told = str(failure.get("text") or "") if isinstance(failure, Mapping) else ""
    label = one.label or (str(one.map_index) if one.map_index >= 0 else "")
    return StepView(one.task_id, label, one.state or "", one.duration, told)


def _tasks(session: Session, runs: Collection[Run]) -> dict[Run, list[Any]]:
    """Return the tasks of runs, in the order in which they began; others by how much comes after them."""
    asked = select(
        TaskInstance.dag_id,
        TaskInstance.run_id,
        TaskInstance.task_id,
        TaskInstance.map_index,
        TaskInstance.state,
        TaskInstance.duration,
        TaskInstance._rendered_map_index.label("label"),  # noqa: SLF001 - the column itself has no other name
    ).where(
        tuple_(TaskInstance.dag_id, TaskInstance.run_id).in_(runs),
        or_(TaskInstance.state.is_(None), TaskInstance.state.not_in(_LEFT_OUT)),
    )
    order = (
        TaskInstance.start_date.is_(None), TaskInstance.start_date, TaskInstance.priority_weight.desc(),
        TaskInstance.map_index,
    )  # fmt: skip
    found: dict[Run, list[Any]] = {}
    for one in session.execute(asked.order_by(*order)):
        found.setdefault((one.dag_id, one.run_id), []).append(one)
    return found


def _questions(session: Session, runs: Collection[Run]) -> dict[Run, list[QuestionView]]:
    asked = (
        select(TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id, TaskInstance.map_index)
        .add_columns(HITLDetail.subject, HITLDetail.body, HITLDetail.options)
        .join(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
        .where(tuple_(TaskInstance.dag_id, TaskInstance.run_id).in_(runs))
        .where(TaskInstance.state.in_(_WAITING), HITLDetail.responded_at.is_(None))
    )
    found: dict[Run, list[QuestionView]] = {}
    for dag, run, task, index, subject, body, options in session.execute(asked):
        one = QuestionView(dag, run, task, index, subject, body or "", tuple(options))
        found.setdefault((dag, run), []).append(one)
    return found


def _values(session: Session, runs: Collection[Run]) -> dict[Run, dict[tuple[str, int, str], Any]]:
    is_told = or_(and_(XComModel.key == RESULT, XComModel.task_id.in_(PLANNERS)), XComModel.key == FAILURE)
    asked = select(XComModel).where(tuple_(XComModel.dag_id, XComModel.run_id).in_(runs), is_told)
    found: dict[Run, dict[tuple[str, int, str], Any]] = {}
    for one in session.scalars(asked):
        value = XComModel.deserialize_value(one)
        found.setdefault((one.dag_id, one.run_id), {})[one.task_id, one.map_index, one.key] = value
    return found
