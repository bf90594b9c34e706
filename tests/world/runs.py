"""The tasks of a DAG one after another, as a scheduler with one worker runs them, without Airflow's own machinery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from airflow.sdk.exceptions import DownstreamTasksSkipped
from airflow.task.trigger_rule import TriggerRule

from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.workplace import Workplace


@dataclass
class Run:
    """One run of a DAG: what became of each task, and what each returned."""

    dag_id: str
    run_id: str
    params: Mapping[str, Any]
    states: dict[str, str] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    is_finished: bool = False

    @property
    def changes(self) -> dict[str, Any]:
        """Return what each task says that it changed, of those that changed anything."""
        return {task: result for task, result in self.results.items() if has_changes(result) and "." in task}


def has_changes(result: Any) -> bool:
    """Tell whether a task's result lists any change."""
    return any(has_changes(one) for one in result.values()) if isinstance(result, dict) else bool(result)


class _TaskInstance:
    """What operators ask of Airflow about themselves and about other runs."""

    def __init__(self, run: Run, runs: Mapping[str, Run], task_id: str) -> None:
        self._run, self._runs, self.task_id = run, runs, task_id

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep a task's result."""
        assert key == "return_value"
        self._run.results[self.task_id] = value

    def xcom_pull(self, task_ids: str) -> Any:
        """Return another task's result."""
        return self._run.results.get(task_ids)

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of another run."""
        return "failed" if self._runs[run_id].is_finished else "running"


def tasks(dag: Any, run: Run) -> Iterator[Any]:
    """Give the tasks that are to run, in order; the state of the others is noted."""
    for task in dag.topological_sort():
        state = _without_running(task, run)
        if state is None:
            yield task
        else:
            run.states[task.task_id] = state


def _without_running(task: Any, run: Run) -> str | None:
    """Return the state of a task that is not to run; None if it is to."""
    if run.states.get(task.task_id) == "skipped":
        return "skipped"
    upstream = {run.states.get(one) for one in task.upstream_task_ids}
    rule = TriggerRule(task.trigger_rule)
    if task.is_teardown:
        setups = [one for one in task.upstream_list if one.is_setup]
        return None if all(run.states[one.task_id] == "success" for one in setups) else "skipped"
    if rule is TriggerRule.NONE_FAILED:
        return None if "failed" not in upstream and "upstream_failed" not in upstream else "upstream_failed"
    if rule is TriggerRule.ALL_DONE:
        return None
    if "skipped" in upstream:
        return "skipped"
    return None if upstream <= {"success"} else "upstream_failed"


def execute(task: Any, run: Run, runs: Mapping[str, Run]) -> None:
    """Run one task to its end; what it raises is the test's to see."""
    context: Any = {
        "dag_run": SimpleNamespace(dag_id=run.dag_id, run_id=run.run_id),
        "params": run.params,
        "ti": _TaskInstance(run, runs, task.task_id),
    }
    assert isinstance(task, ClusterOperator), f"world.runs does not know how to run {task}"
    try:
        run.results[task.task_id] = task.act(context, Workplace.of(context))
    except DownstreamTasksSkipped as skipping:
        run.states |= {one if isinstance(one, str) else one[0]: "skipped" for one in skipping.tasks}
    run.states[task.task_id] = "success"
