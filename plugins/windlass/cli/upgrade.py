"""`windlass upgrade`: plan an upgrade, start it, wait for its end, pause it; exit codes that a pipeline can go by."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from windlass.cli.runs import add_run_arguments, run_operation
from windlass.cli.spec_file import read_spec
from windlass.errors import SpecError
from windlass.operation_names import Operation


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
    add_run_arguments(parser)


def _upgrade(arguments: argparse.Namespace) -> int:
    dag_id = Operation.PAUSE_UPGRADE if arguments.pause else Operation.UPGRADE
    return run_operation(dag_id, "pause" if arguments.pause else "upgrade", conf_of(arguments), arguments)


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
