"""The examples of users' own DAGs, run on a world in memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

import windlass.example_dags
from windlass.airflow.operators.base import ClusterOperator
from windlass.errors import RefusedError
from windlass.operation_names import Operation
from world import World
from world.runs import Task
from world.specs import SMALL

DOC = Path(__file__).parents[3] / "docs" / "airflow.md"
(FOLDER,) = windlass.example_dags.__path__
TRIAL = SMALL.replace("name: demo", "name: trial")


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(FOLDER, load_op_links=False)


def run(world: World, **params: Any) -> Any:
    begun = world.begin("example_trial_cluster", cluster=None, **params)
    for task in world.tasks(begun):
        world.execute(task, begun)
    return begun


def test_they_parse_and_each_task_has_a_limit_and_leads_to_its_cluster(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags).isdisjoint(Operation)
    steps = [task for dag in bag.dags.values() for task in dag.tasks if isinstance(task, ClusterOperator)]
    assert len(steps) > 15
    assert [task.task_id for task in steps if task.cluster != "{{ params.name }}" or not task.execution_timeout] == []
    assert {link.name for task in steps for link in task.operator_extra_links} == {"Cluster"}


def test_the_cluster_is_made_used_and_deleted(new: Callable[[str], World]) -> None:
    world = new(TRIAL)
    bare = {name: machine.state() for name, machine in world.machines.items()}
    done = run(world)

    assert set(done.states.values()) <= {"success", "skipped"}
    assert done.results["run_job"] == 1
    assert not world.is_known
    assert {name: machine.state() for name, machine in world.machines.items()} == bare
    assert done.partitions == {"windlass_created": ["trial"], "windlass_deleted": ["trial"]}


def test_it_goes_also_where_the_job_fails_and_the_run_has_failed_then(bag: DagBag) -> None:
    dag = bag.dags["example_trial_cluster"]
    first = dag.get_task("delete.confirm")
    assert (first.trigger_rule, first.upstream_task_ids) == ("all_done", {"run_job"})
    assert {task.task_id for task in dag.leaves if not task.is_teardown} == {"report"}
    assert dag.get_task("report").upstream_task_ids == {"run_job"}


def test_another_name_than_the_clusters_deletes_nothing(new: Callable[[str], World], bag: DagBag) -> None:
    world = new(TRIAL)
    begun = world.begin("example_trial_cluster", cluster=None)
    for task in world.tasks(begun):
        if task.task_id == "delete.confirm":
            wrong = copy(task.operator)
            wrong.confirm_name = "another"
            with pytest.raises(RefusedError, match="confirm_name"):
                world.execute(Task(wrong), begun)
            break
        world.execute(task, begun)
    assert world.is_known


def test_the_documentation_shows_it() -> None:
    (file,) = Path(FOLDER).glob("example_*.py")
    shown = re.findall(r"```python\n(with DAG\(\n    dag_id.*?)```", DOC.read_text(), re.DOTALL)
    assert file.name in DOC.read_text()
    assert [one for one in shown if one not in file.read_text()] == []
    assert shown
