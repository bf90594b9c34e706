"""The tasks of a DAG one after another, as a scheduler with one worker runs them, without Airflow's own machinery."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException, DownstreamTasksSkipped, TaskAwaitingInput
from airflow.task.trigger_rule import TriggerRule

from windlass.airflow.inputs import with_inputs
from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.run_context import RunContext
from windlass.errors import SkippedError
from windlass.operation_names import Operation


@dataclass
class Run:
    """One run of a DAG: what became of each task, and what each returned."""

    dag_id: str
    run_id: str
    params: Mapping[str, Any]
    states: dict[str, str] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    """By task, and of other keys than the usual by `TASK:KEY`."""
    mapped: set[str] = field(default_factory=set)
    """Tasks that were mapped over several things."""
    is_finished: bool = False
    tries: dict[str, int] = field(default_factory=dict)
    """How often each task was tried."""
    clears: int = 0
    """How often its tasks were cleared."""
    user: str | None = "anna"
    """Airflow's name of who started it."""
    started: str = ""
    """The type of the run as Airflow has it; empty for what is usual."""
    partition: str | None = None
    """The cluster that a run of a schedule is about."""
    partitions: dict[str, list[str]] = field(default_factory=dict)
    """The partitions that it has added, by asset: each starts a run of another DAG."""
    run_after: datetime | None = None
    """Since when it may run."""
    answer: Callable[[str], Mapping[str, Any]] | None = None
    """Returns what a person answers to the task of that name."""

    @property
    def kind(self) -> str:
        """What started it: health in the case of remediation, else a person, unless it says otherwise."""
        return self.started or ("asset_triggered" if self.dag_id == "heal_cluster" else "manual")

    @property
    def changes(self) -> dict[str, Any]:
        """Return what each task says that it changed, of those that changed anything."""
        return {task: result for task, result in self.results.items() if has_changes(result) and "." in task}


def has_changes(result: Any) -> bool:
    """Tell whether a task's result lists any change."""
    return any(has_changes(one) for one in result.values()) if isinstance(result, dict) else bool(result)


@dataclass(frozen=True)
class Task:
    """One task that is to run; of a task that is mapped over several things one of those."""

    operator: Any
    map_index: int = -1

    @property
    def task_id(self) -> str:
        """Return its name, and which of several it is."""
        return self.operator.task_id if self.map_index < 0 else f"{self.operator.task_id}_{self.map_index}"


class _TaskInstance:
    """What operators ask of Airflow about themselves and about other runs."""

    def __init__(self, run: Run, runs: Mapping[str, Run], task: Task) -> None:
        run.tries[task.task_id] = self.try_number = run.tries.get(task.task_id, 0) + 1
        self._run, self._runs = run, runs
        self.dag_id, self.task_id, self.map_index = run.dag_id, task.operator.task_id, task.map_index

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep a task's result."""
        self._run.results[_xcom(self.task_id, key)] = value

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        """Return another task's result; of a mapped task a list, but if there is one alone, as Airflow does it."""
        found = self._run.results.get(_xcom(task_ids, key))
        return found[0] if task_ids in self._run.mapped and found and len(found) == 1 else found

    def get_task_states(self, dag_id: str, run_ids: list[str], task_ids: list[str] | None = None) -> Any:
        """Return the states of this run's tasks, of all of them or of some."""
        assert (dag_id, run_ids) == (self.dag_id, [self._run.run_id])
        states = self._run.states
        return {
            self._run.run_id: {
                name: state for name, state in states.items() if task_ids is None or _is_of(name, task_ids)
            }
        }

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of another run."""
        return "failed" if self._runs[run_id].is_finished else "running"


def _xcom(task: str, key: str) -> str:
    return task if key == "return_value" else f"{task}:{key}"


def _is_of(name: str, tasks: list[str]) -> bool:
    return name in tasks or name.rpartition("_")[0] in tasks


def tasks(dag: Any, run: Run) -> Iterator[Task]:
    """Give the tasks that are to run, in order; the state of the others is noted."""
    for task in dag.topological_sort():
        state = _without_running(task, run)
        if state is not None:
            run.states[task.task_id] = state
        elif task.is_mapped:
            yield from _mapped(task, run)
        else:
            yield Task(task)


def _mapped(task: Any, run: Run) -> Iterator[Task]:
    """Give a task for each thing that another task's result lists."""
    ((name, given),) = task.expand_input.value.items()
    run.results[task.task_id] = []
    run.mapped.add(task.task_id)
    for number, value in enumerate(run.results[given.operator.task_id]):
        yield Task(task.unmap({name: value}), number)
    states = {state for name, state in run.states.items() if _is_of(name, [task.task_id])}
    run.states[task.task_id] = next((one for one in ("failed", "success") if one in states), "skipped")


def _without_running(task: Any, run: Run) -> str | None:
    """Return the state of a task that is not to run; None if it is to."""
    if run.states.get(task.task_id) == "skipped" or _has_skipped_setup(task, run):
        return "skipped"
    upstream = {run.states.get(one) for one in task.upstream_task_ids}
    rule = TriggerRule(task.trigger_rule)
    if task.is_teardown:
        setups = [one for one in task.upstream_list if one.is_setup]
        return None if all(run.states[one.task_id] == "success" for one in setups) else "skipped"
    return None if rule is TriggerRule.ALL_DONE else _by_rule(rule, upstream)


def _has_skipped_setup(task: Any, run: Run) -> bool:
    """Say whether a setup that does not stand right before a task was skipped: Airflow skips the task too, then."""
    if task.is_teardown:
        return False
    setups = {one.task_id for one in task.get_upstreams_only_setups()} - set(task.upstream_task_ids)
    return any(run.states.get(one) == "skipped" for one in setups)


def _by_rule(rule: TriggerRule, upstream: set[str | None]) -> str | None:
    if rule is TriggerRule.NONE_FAILED:
        return None if "failed" not in upstream and "upstream_failed" not in upstream else "upstream_failed"
    if rule is TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS and upstream <= {"success", "skipped"}:
        return None if "success" in upstream else "skipped"
    if "skipped" in upstream:
        return "skipped"
    return None if upstream <= {"success"} else "upstream_failed"


def execute(task: Task, run: Run, runs: Mapping[str, Run]) -> None:
    """Run one task to its end; what it raises is the test's to see."""
    context: Any = {
        "dag_run": SimpleNamespace(
            dag_id=run.dag_id,
            run_id=run.run_id,
            run_type=run.kind,
            partition_key=run.partition,
            clear_number=run.clears,
            run_after=run.run_after,
            start_date=run.run_after,
            triggering_user_name=run.user if run.kind == "manual" else None,
        ),
        "params": run.params,
        "ti": _TaskInstance(run, runs, task),
        "outlet_events": _Outlets(run),
    }
    name = task.operator.task_id
    try:
        result = _act(task.operator, context, run)
        if task.map_index < 0:
            run.results[name] = result
        else:
            run.results[name] = [*run.results[name][: task.map_index], result]
    except DownstreamTasksSkipped as skipping:
        run.states |= {one if isinstance(one, str) else one[0]: "skipped" for one in skipping.tasks}
    except (AirflowSkipException, SkippedError):
        run.states[task.task_id] = "skipped"
        return
    run.states[task.task_id] = "success"


def _act(operator: Any, context: Any, run: Run) -> Any:
    if run.dag_id not in frozenset(Operation):  # of somebody's own, which gives its operators templates
        operator = copy(operator)
        operator.render_template_fields({**context, "task": operator, "dag": operator.dag})
    if isinstance(operator, ClusterOperator):
        own = with_inputs(operator, context)
        return operator.do(own, RunContext.of(own))
    try:
        return operator.execute(context)
    except TaskAwaitingInput as waiting:
        assert run.answer is not None, f"{operator.task_id} asks, and nobody answers"
        event = {**run.answer(operator.task_id), "params_input": {}, "responded_at": datetime.now(UTC)}
        return getattr(operator, waiting.method_name)(context, event=event, **(waiting.kwargs or {}))


@dataclass
class _Outlets:
    """Takes what starts other DAGs, which nobody runs here but a test that asks for it."""

    run: Run
    asset: str = ""
    extra: Any = None

    def __getitem__(self, asset: Any) -> _Outlets:
        return _Outlets(self.run, asset.name)

    def add_partitions(self, keys: str | list[str]) -> None:
        """Note which runs would be started."""
        self.run.partitions.setdefault(self.asset, []).extend([keys] if isinstance(keys, str) else keys)
