"""Runs of Windlass's DAGs that a command starts: it follows one to its end, and prints what it came to."""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from windlass.cli.airflow_access import HELP, open_client
from windlass.cli.output_form import JSON, add_output_option, lines_of, show_document
from windlass.errors import RefusedError, WindlassError
from windlass.operation_names import Operation

if TYPE_CHECKING:
    from windlass.cli.embedded.client import AirflowClient, DagRunState, TaskView

_RESULTS: Mapping[str, tuple[str, ...]] = {
    Operation.APPLY: ("result",),
    Operation.DELETE: ("forget", "confirm"),
    Operation.PAUSE_UPGRADE: ("ask",),
    Operation.RECOVER: ("verify", "plan"),
    Operation.REHEARSE: ("rehearse",),
    Operation.REMEDIATE: ("heal",),
    Operation.REPLACE_MEMBER: ("replace", "plan"),
    Operation.RESTORE_OBJECTS: ("restore", "plan"),
    Operation.UPGRADE: ("result",),
}
"""The tasks of each DAG that return what the run came to: the first of them that was not skipped."""
_GATES = frozenset(
    {"gate", "approval", "approve", "lease", "check", "approve_changes", "confirm", "ask", "plan", "rehearse"}
)
"""Tasks whose failure means that nothing was begun."""


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every command takes that starts a run."""
    parser.add_argument("--reason", default="", help="shown in the cluster's service log")
    parser.add_argument("--run-id", help="id of the run: the same id never starts a second one")
    parser.add_argument("--no-wait", action="store_true", help="only start it")
    parser.add_argument("--minutes", type=float, default=60, help="how long to wait for the end (default: 60)")
    parser.add_argument("--airflow", metavar="NAME", help=HELP)
    add_output_option(parser, JSON)


def run_operation(dag_id: Operation, name: str, conf: Mapping[str, Any], arguments: argparse.Namespace) -> int:
    """Trigger a run, follow it and print what it came to; `name` begins the id of a run that was given none."""
    run_id = arguments.run_id or f"{name}-{uuid.uuid4().hex[:8]}"
    with open_client(arguments.airflow) as client:
        client.trigger(dag_id, run_id=run_id, conf=dict(conf))
        if arguments.no_wait:
            print(json.dumps({"dag_id": dag_id, "run_id": run_id}))
            return 0
        state = client.follow(dag_id, run_id, _show, within=timedelta(minutes=arguments.minutes))
        return _end(client, state, arguments.output)


def _end(client: AirflowClient, state: DagRunState, form: str) -> int:
    """Print what the run came to."""
    result = result_of(client, state)
    show_document(result, form, lambda: lines_of(result))
    return 0


def result_of(client: AirflowClient, state: DagRunState) -> Any:
    """Return what a run came to; RefusedError or WindlassError says why it did not get there."""
    if state.state == "success":
        return _result(client, state)
    failed = [task for task in client.tasks(state.dag_id, state.run_id) if task.state == "failed"]
    told = "; ".join(_reason(client, state, task) for task in failed) or "see the run in Airflow"
    refused = any(task.task_id in _GATES for task in failed)
    kind = RefusedError if refused else WindlassError
    raise kind(f"{state.dag_id} (run {state.run_id}): {told}")


def _result(client: AirflowClient, state: DagRunState) -> Any:
    first, *others = _RESULTS[state.dag_id]
    if others:
        done = {task.task_id for task in client.tasks(state.dag_id, state.run_id) if task.state == "success"}
        first = next((name for name in (first, *others) if name in done), first)
    return client.xcom(state.dag_id, state.run_id, first)


def _reason(client: AirflowClient, state: DagRunState, task: TaskView) -> str:
    """Return the error that ended a task, out of its log."""
    lines = client.log(state.dag_id, state.run_id, task).splitlines()
    marked = [line for line in lines if "AirflowFailException" in line or "Error" in line]
    return f"{task.task_id} {task.label}".strip() + f": {marked[-1].strip() if marked else 'failed; see its log'}"


def _show(task: TaskView) -> None:
    if task.state in {"success", "failed", "up_for_retry", "awaiting_input"}:
        took = f" ({task.seconds:.1f} s)" if task.seconds is not None else ""
        print(f"{task.state:<14} {task.label or task.task_id}{took}", file=sys.stderr, flush=True)
