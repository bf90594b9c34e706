"""`windlass plan`: what a change of a cluster would do; nothing is changed.

It runs what the gate of a rollout runs, with the same connections: text and JSON are those of a run with `plan_only`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from windlass.cli.connections_option import add_connections_option
from windlass.cli.remote import run_command
from windlass.cli.spec_file import read_spec
from windlass.domain.remote import Command, PlanArguments


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
    given = PlanArguments(
        spec=read_spec(arguments.spec) if arguments.spec else "",
        to=arguments.to,
        stop_after=arguments.stop_after,
        gone=tuple(arguments.gone),
        accept_new_host_key=tuple(arguments.accept_new_host_key),
        allow_untested=arguments.allow_untested,
        plan_digest=arguments.plan_digest,
        as_json=arguments.json,
    )
    return run_command(arguments, Command.PLAN, given, cluster=arguments.cluster)
