"""Telling people of runs that failed, that wait for them, or that do not begin: each once, with a link.

Airflow calls a DAG's `on_failure_callback` once for each run that failed, however: by a task of it, by its time limit,
or because none of its tasks can run any more. It does so in its DAG processor, which has neither the store nor a master
key. So a task that fails leaves its words behind as a result of its own, `FAILURE`, from where they are read there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import (
    AirflowSkipException,
    DownstreamTasksSkipped,
    TaskAwaitingInput,
    TaskDeferred,
)

from windlass.airflow.assets import BACKUPS
from windlass.airflow.links import base_url
from windlass.airflow.notifications import send
from windlass.airflow.run_context import RunContext, is_by_person, is_by_schedule
from windlass.domain.cluster_summary import age_of
from windlass.domain.markdown import shortened
from windlass.domain.run_notice import (
    LONGEST_FAILURE,
    STANDS_STILL,
    FailedRun,
    TaskFailure,
    Unwatched,
    failed_run_notice,
    failed_tasks,
    run_link,
    standstill_notices,
    waiting_notice,
)
from windlass.domain.spec.overview import STALE
from windlass.effects.store.read_summaries import read_fleet
from windlass.errors import TRANSIENT, WindlassError
from windlass.operations.run import telling_failure, words_of
from windlass.operations.services import Services

log = logging.getLogger(__name__)

FAILURE = "windlass_failure"
"""The key of a failed task's words, `{"text": …, "told": …}`; Airflow takes them away when the task runs again."""
_WAITED_FOR = "windlass_waiting_told"
"""The key by which an approval remembers, over all tries of its task, of which question people were told."""
_STOOD_STILL = "windlass_paused_told"
"""The key by which it is remembered of which paused DAGs people were told."""
_UNWATCHED = "windlass_unwatched_told"
"""The key by which it is remembered which clusters nobody watched."""
_LATE = STALE.total_seconds()
_NO_FAILURES = (AirflowSkipException, DownstreamTasksSkipped, TaskAwaitingInput, TaskDeferred)
"""What Airflow ends a task's turn with that has not failed."""


@contextmanager
def keeping_failure(context: Context, run: RunContext) -> Iterator[None]:
    """Have a task that fails leave its words behind for `notify_failed_run`."""
    with telling_failure(lambda error: _keep(context, run, error)):
        yield


def _keep(context: Context, run: RunContext, error: BaseException) -> None:
    if isinstance(error, _NO_FAILURES):
        return
    with _going_on("a failure's words could not be kept"):
        if _is_tried_again(context, error):
            return
        text = shortened(run.services.secrets.redact(words_of(error)), LONGEST_FAILURE)
        _push(context, text, is_told=_was_told_lately(context, run, text))


def _is_tried_again(context: Context, error: BaseException) -> bool:
    return isinstance(error, TRANSIENT) and context["ti"].try_number <= (context["task"].retries or 0)


def mark_told(context: Context, text: str) -> None:
    """Note that people were told of this task's failure already."""
    with _going_on("it could not be noted that people were told"):
        _push(context, text, is_told=True)


def _push(context: Context, text: str, *, is_told: bool) -> None:
    kept = context["ti"].xcom_pull(key=FAILURE, task_ids=context["ti"].task_id, map_indexes=context["ti"].map_index)
    was_told = isinstance(kept, Mapping) and bool(kept.get("told"))
    context["ti"].xcom_push(key=FAILURE, value={"text": text, "told": is_told or was_told})


def _was_told_lately(context: Context, run: RunContext, text: str) -> bool:
    """Tell whether people know this of earlier runs that started by themselves; they do from now on."""
    if is_by_person(context):
        return False
    with suppress(WindlassError):
        records, now = run.records, run.clock.now()
        told = records.told_failures()
        if told.is_told(run.owner.dag_id, text, now):
            return True
        records.save_told_failures(told.with_told(run.owner.dag_id, text, now))
    return False


def notify_failed_run(context: Context) -> None:
    """Tell people of a run that failed, once: a DAG's `on_failure_callback`."""
    with _going_on("people could not be told of a run that failed"):
        run = _failed_run(context)
        if _goes_on_failing(context):
            log.info("%s failed as the run before it did, of which people were told", run.run_id)
            return
        notice = failed_run_notice(run, run_link(base_url(), run.dag_id, run.run_id))
        if notice is not None:
            send([notice], context)


def _failed_run(context: Context) -> FailedRun:
    dag, run_id = context["dag"], str(context.get("run_id") or "")
    failures: tuple[TaskFailure, ...] = ()
    with _going_on("which tasks failed cannot be told"):
        failures = _failures(context, run_id)
    return FailedRun(dag.dag_id, run_id, _cluster(context), str(context.get("reason") or ""), failures)


def _failures(context: Context, run_id: str) -> tuple[TaskFailure, ...]:
    if "ti" not in context:
        return ()
    dag, ti = context["dag"], context["ti"]
    states = ti.get_task_states(dag_id=dag.dag_id, run_ids=[run_id]).get(run_id, {})
    teardowns = {task.task_id for task in dag.tasks if task.is_teardown}
    return tuple(_failure(ti, task, dag.task_ids) for task in failed_tasks(states, teardowns))


def _failure(ti: Any, task: str, task_ids: list[str]) -> TaskFailure:
    # Airflow names one of several `task_index`, and one alone `task`.
    name, _, index = task.rpartition("_") if task not in task_ids else (task, "", "-1")
    kept = ti.xcom_pull(task_ids=name, key=FAILURE, map_indexes=int(index))
    if not isinstance(kept, Mapping):
        return TaskFailure(task)
    return TaskFailure(task, str(kept.get("text", "")), is_told=bool(kept.get("told")))


def _goes_on_failing(context: Context) -> bool:
    """Tell whether the run before, of a DAG that is scheduled by time, failed too."""
    run = context.get("dag_run")
    if run is None or not is_by_schedule(run):
        return False
    before = context["ti"].get_previous_dagrun()
    return before is not None and str(getattr(before.state, "value", before.state)) == "failed"


def _cluster(context: Context) -> str:
    params, run = context.get("params") or {}, context.get("dag_run")
    return str(params.get("cluster") or getattr(run, "partition_key", None) or "")


def notify_waiting(context: Context, subject: str, limit: timedelta | None) -> None:
    """Tell people of a run that waits for an answer, once, however often its task is tried; it raises nothing."""
    with _going_on("people could not be told that an approval is waited for"):
        asked = f"{getattr(context['dag_run'], 'clear_number', 0)} {subject}"
        if context["task_state_store"].get(_WAITED_FOR) == asked:
            return
        until = None if limit is None else datetime.now(UTC) + limit
        ti = context["ti"]
        link = f"{run_link(base_url(), ti.dag_id, ti.run_id)}/tasks/{ti.task_id}/required_actions"
        send([waiting_notice(_cluster(context), subject, until, link)], context)
        context["task_state_store"].set(_WAITED_FOR, asked)


def notify_paused(context: Context, notify: Callable[..., None]) -> None:
    """Tell people of DAGs that should run by themselves and are paused, and once that they run again."""
    with _going_on("which DAGs are paused cannot be told"):
        kept = context["asset_state_store"][BACKUPS]
        paused = [name for name in STANDS_STILL if context["ti"].get_dag(name).is_paused]
        told = kept.get(_STOOD_STILL, [])
        notices, now = standstill_notices(
            paused, [str(one) for one in told] if isinstance(told, list) else [], base_url()
        )
        if notices:
            notify(notices, context)
            kept.set(_STOOD_STILL, list(now))


def notify_unwatched(context: Context, services: Services) -> None:
    """Tell people of clusters that nobody watches any more, and once that all are watched again."""
    with _going_on("whether clusters are watched cannot be told"):
        kept, now = context["asset_state_store"][BACKUPS], services.clock.now()
        found = kept.get(_UNWATCHED)
        before = Unwatched.of(found if isinstance(found, Mapping) else {})
        clusters = [one for one in read_fleet(services.store).summaries if one.is_created]
        after, notice = before.after(one.name for one in clusters if (age_of(one.status, now) or 0) > _LATE)
        if notice is not None:
            services.notify([notice], context)
        if after != before:
            kept.set(_UNWATCHED, after.value())


@contextmanager
def _going_on(what: str) -> Iterator[None]:
    """Log whatever keeps people from being told: a run must not fail of it."""
    try:
        yield
    except Exception:
        log.exception("%s", what)
