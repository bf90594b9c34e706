"""`windlass plan`: what a change of a cluster would do, without Airflow's scheduler; nothing is changed.

It runs what the gate of a rollout runs, with the same connections: text and JSON are those of a run with `plan_only`.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from windlass.cli.airflow_access import take_connections
from windlass.cli.connections_option import add_connections_option
from windlass.domain.lease import Owner
from windlass.domain.rollout.upgrade_path import UpgradeRequest
from windlass.errors import SpecError

if TYPE_CHECKING:
    from windlass.operations.run import ClusterRun

_COMMAND = "windlass plan"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass plan`."""
    parser = commands.add_parser("plan", help="show what a change of a cluster would do, and change nothing")
    parser.add_argument("cluster")
    parser.add_argument("--spec", type=Path, metavar="FILE", help="a changed spec (default: the stored one)")
    parser.add_argument("--to", metavar="VERSION", default="", help="release of the catalog (default: the spec's)")
    parser.add_argument("--stop-after", metavar="HOST", default="", help="plan up to the last step on this host")
    parser.add_argument(
        "--gone", metavar="HOST", action="append", default=[], help="left the spec and is gone for good"
    )
    parser.add_argument(
        "--accept-new-host-key",
        metavar="HOST",
        action="append",
        default=[],
        help="its machine was reinstalled: plan with the SSH host key that it shows now, which is not kept",
    )
    parser.add_argument("--allow-untested", action="store_true", help="also for a release without a test record")
    parser.add_argument("--plan-digest", metavar="DIGEST", default="", help="fail unless the plan is just this one")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connections_option(parser)
    parser.set_defaults(run=_plan)


def _plan(arguments: argparse.Namespace) -> int:
    take_connections(arguments.airflow)
    # Airflow reads its settings from the environment when it is imported, and no other command should wait for it.
    from windlass.airflow.run_context import RunContext  # noqa: PLC0415 - see above
    from windlass.airflow.services import airflow_services  # noqa: PLC0415 - see above

    owner = Owner(_COMMAND, getpass.getuser())
    print_plan(RunContext(arguments.cluster, owner, lambda _: None, airflow_services()), arguments, print)
    return 0


def print_plan(run: ClusterRun, arguments: argparse.Namespace, show: Callable[[str], None]) -> None:
    """Plan, and show the plan as text or as JSON; RefusedError says what holds it up, SpecError what is wrong."""
    from windlass.operations.rollout.upgrade import plan_upgrade  # noqa: PLC0415 - other commands need not wait for it

    request = UpgradeRequest(
        version=arguments.to,
        spec=_read(arguments.spec) if arguments.spec else "",
        stop_after=arguments.stop_after,
        plan_only=True,
        allow_untested=arguments.allow_untested,
        gone=tuple(arguments.gone),
        accept_new_host_key=tuple(arguments.accept_new_host_key),
        plan_digest=arguments.plan_digest,
    )
    # With --json whatever is told for people goes to where errors go, so that a plan that is refused is seen too.
    tell = _to_stderr if arguments.json else show
    plan = plan_upgrade(run, request, tell)
    if arguments.json:
        show(json.dumps(plan.value["plan"], indent=2, ensure_ascii=False))


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr)


def _read(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read ({error}); give the path of a cluster spec") from error
