"""`windlass upgrade`: plan an upgrade, start it, wait for its end, pause it; exit codes that a pipeline can go by."""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from windlass.cli.airflow_access import HELP, open_client
from windlass.cli.embedded.client import AirflowClient, DagRunState, TaskView
from windlass.cli.spec_file import read_spec
from windlass.errors import RefusedError, SpecError, WindlassError
from windlass.operation_names import Operation

_RESULTS: dict[str, str] = {Operation.APPLY: "result", Operation.UPGRADE: "result", Operation.PAUSE_UPGRADE: "ask"}
"""The task of each DAG that returns what the run came to."""
_GATES = frozenset({"gate", "approval", "lease", "check", "approve_changes", "confirm", "ask"})
"""Tasks whose failure means that nothing was begun."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass upgrade`."""
    parser = commands.add_parser("upgrade", help="move a cluster to another Kubernetes release, or to a changed spec")
    parser.add_argument("cluster")
    parser.add_argument("--to", metavar="VERSION", help="release of the catalog (default: the one that runs)")
    parser.add_argument("--spec", type=Path, metavar="FILE", help="a changed spec to roll out")
    parser.add_argument(
        "--pause", action="store_true", help="ask the upgrade that is rolling to pause before its next step"
    )
    add_rollout_arguments(parser)
    parser.set_defaults(run=_upgrade)


def add_rollout_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every command takes that starts a rollout."""
    parser.add_argument("--plan", action="store_true", help="show gate and plan, change nothing")
    parser.add_argument("--plan-digest", metavar="DIGEST", help="only go on if the plan is just this one")
    parser.add_argument("--approve", action="store_true", help="do not wait for a person")
    parser.add_argument("--stop-after", metavar="HOST", help="pause after the last step on this host")
    parser.add_argument("--outside-window", action="store_true", help="go also while no maintenance window is open")
    parser.add_argument("--allow-untested", action="store_true", help="go also to a release without a test record")
    parser.add_argument("--reason", default="", help="shown in the cluster's service log")
    parser.add_argument("--run-id", help="id of the run: the same id never starts a second one")
    parser.add_argument("--no-wait", action="store_true", help="only start it")
    parser.add_argument("--minutes", type=float, default=60, help="how long to wait for the end (default: 60)")
    parser.add_argument("--airflow", metavar="NAME", help=HELP)


def _upgrade(arguments: argparse.Namespace) -> int:
    dag_id = Operation.PAUSE_UPGRADE if arguments.pause else Operation.UPGRADE
    return run_rollout(dag_id, "pause" if arguments.pause else "upgrade", conf_of(arguments), arguments)


def run_rollout(dag_id: Operation, name: str, conf: Mapping[str, Any], arguments: argparse.Namespace) -> int:
    """Trigger a run, follow it and print what it came to; `name` begins the id of a run that was given none."""
    run_id = arguments.run_id or f"{name}-{uuid.uuid4().hex[:8]}"
    with open_client(arguments.airflow) as client:
        client.trigger(dag_id, run_id=run_id, conf=dict(conf))
        if arguments.no_wait:
            print(json.dumps({"dag_id": dag_id, "run_id": run_id}))
            return 0
        state = client.follow(dag_id, run_id, _show, within=timedelta(minutes=arguments.minutes))
        return _end(client, state)


def conf_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the run's params from the command's words."""
    conf: dict[str, Any] = {"cluster": arguments.cluster, "reason": arguments.reason}
    how = how_of(arguments) | ({"version": arguments.to} if arguments.to else {})
    if arguments.pause and how:
        raise SpecError(f"--pause is about the upgrade that is rolling, and takes no params of one: {', '.join(how)}")
    return {name: value for name, value in conf.items() if value} | how


def how_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the params that say how a rollout goes, of those that the command's words name."""
    how = {
        "spec": read_spec(arguments.spec) if arguments.spec else None,
        "plan_only": arguments.plan,
        "plan_digest": arguments.plan_digest,
        "auto_approve": arguments.approve,
        "stop_after": arguments.stop_after,
        "outside_window": arguments.outside_window,
        "allow_untested": arguments.allow_untested,
    }
    return {name: value for name, value in how.items() if value not in {None, False, ""}}


def _end(client: AirflowClient, state: DagRunState) -> int:
    """Print what the run came to: its result as JSON, or why it did not get there."""
    if state.state == "success":
        result = client.xcom(state.dag_id, state.run_id, _RESULTS[state.dag_id])
        print(json.dumps(result, indent=2))
        return 0
    failed = [task for task in client.tasks(state.dag_id, state.run_id) if task.state == "failed"]
    told = "; ".join(_reason(client, state, task) for task in failed) or "see the run in Airflow"
    refused = any(task.task_id in _GATES for task in failed)
    kind = RefusedError if refused else WindlassError
    raise kind(f"{state.dag_id} (run {state.run_id}): {told}")


def _reason(client: AirflowClient, state: DagRunState, task: TaskView) -> str:
    """Return the error that ended a task, out of its log."""
    lines = client.log(state.dag_id, state.run_id, task).splitlines()
    marked = [line for line in lines if "AirflowFailException" in line or "Error" in line]
    return f"{task.task_id} {task.label}".strip() + f": {marked[-1].strip() if marked else 'failed; see its log'}"


def _show(task: TaskView) -> None:
    if task.state in {"success", "failed", "up_for_retry", "awaiting_input"}:
        took = f" ({task.seconds:.1f} s)" if task.seconds is not None else ""
        print(f"{task.state:<14} {task.label or task.task_id}{took}", file=sys.stderr, flush=True)
