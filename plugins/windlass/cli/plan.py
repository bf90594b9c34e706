"""`windlass plan` and `windlass diff`: what a change of a cluster would do; nothing is changed.

It runs what the gate of a rollout runs, with the same connections: text and JSON are those of a run with `plan_only`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windlass.cli.connections_option import add_connections_option
from windlass.cli.output_form import add_output_option, is_for_programs, show_document, show_json
from windlass.cli.remote import run_command
from windlass.cli.spec_file import read_spec

if TYPE_CHECKING:
    from windlass.domain.remote import PlanArguments


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass plan`."""
    parser = commands.add_parser("plan", help="show what a change of a cluster would do, and change nothing")
    _add_arguments(parser)
    parser.set_defaults(run=_plan)


def add_diff(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass diff`."""
    text = "show how a cluster differs from its spec, or from a changed one; fails (exit code 1) if it does"
    parser = commands.add_parser("diff", help=text, description=text)
    _add_arguments(parser)
    parser.set_defaults(run=_diff)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
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
    add_output_option(parser)
    add_connections_option(parser)


def _plan(arguments: argparse.Namespace) -> int:
    from windlass.domain.remote import Command

    given = _given(arguments, as_json=is_for_programs(arguments))
    return run_command(arguments, Command.PLAN, given, cluster=arguments.cluster, show=show_json(arguments.output))


def _diff(arguments: argparse.Namespace) -> int:
    from windlass.domain.bounded import read_from
    from windlass.domain.remote import Command

    texts: list[str] = []
    given = _given(arguments, as_json=True)
    if code := run_command(arguments, Command.PLAN, given, cluster=arguments.cluster, show=texts.append):
        return code
    with read_from("what the plan came to", "see whether Airflow's Windlass is as new as this one"):
        plan = json.loads("\n".join(texts))
        lines = difference_lines(plan)
    show_document(plan["steps"], arguments.output, lambda: lines)
    return 1 if plan["steps"] else 0


def difference_lines(plan: Mapping[str, Any]) -> list[str]:
    """Return what differs, line by line, without gate, quorum and times, which the plan has."""
    if not plan["steps"]:
        return [f"{plan['cluster']} is as its spec says"]
    return [line for step in plan["steps"] for line in _lines_of(step)]


def _lines_of(step: Mapping[str, Any]) -> Iterator[str]:
    for line in step["does"]:
        yield str(line)
        yield from (f"    {told}" for told in step["details"].get(line, ()))


def _given(arguments: argparse.Namespace, *, as_json: bool) -> PlanArguments:
    from windlass.domain.remote import PlanArguments

    return PlanArguments(
        spec=read_spec(arguments.spec) if arguments.spec else "",
        to=arguments.to,
        stop_after=arguments.stop_after,
        gone=tuple(arguments.gone),
        accept_new_host_key=tuple(arguments.accept_new_host_key),
        allow_untested=arguments.allow_untested,
        plan_digest=arguments.plan_digest,
        as_json=as_json,
    )
