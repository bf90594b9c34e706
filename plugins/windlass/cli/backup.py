"""`windlass backup`: list the recovery bundles of a cluster, check one to the last byte, take one, prove one."""

from __future__ import annotations

import argparse
import uuid
from datetime import timedelta
from typing import Any

from windlass.cli.airflow_access import HELP, open_client
from windlass.cli.connections_option import add_connections_option
from windlass.cli.output_form import add_output_option, is_for_programs, show_json
from windlass.cli.remote import run_command
from windlass.errors import WindlassError
from windlass.operation_names import Operation

_RUN_LIMIT = timedelta(minutes=20)
_MIB = 2**20
_NEWEST = "newest"
"""Of `windlass.domain.backup`, which takes longer to load than help may take."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass backup` and what is below it."""
    parser = commands.add_parser("backup", help="recovery bundles of a cluster", description=__doc__)
    below = parser.add_subparsers(metavar="COMMAND", required=True)
    listing = below.add_parser("list", help="list the bundles, the newest first, and how far each can be trusted")
    add_output_option(listing)
    listing.set_defaults(run=_list)
    show = below.add_parser("show", help="show what is in a bundle")
    show.set_defaults(run=_show)
    verify = below.add_parser("verify", help="read a bundle to the last byte, and fail unless all of it is true")
    verify.set_defaults(run=_verify)
    now = below.add_parser("now", help=f"take a bundle now (the DAG {Operation.BACK_UP}), and wait for it")
    now.set_defaults(run=_now)
    drill = below.add_parser("drill", help=f"prove that a bundle restores (the DAG {Operation.DRILL}), and wait for it")
    drill.set_defaults(run=_drill)
    for part in below.choices.values():
        part.add_argument("cluster")
    for part in (now, drill):
        part.add_argument("--airflow", metavar="NAME", help=HELP)
    for part in (listing, show, verify):
        add_connections_option(part)
    for part in (show, verify, drill):
        part.add_argument("bundle", nargs="?", default=_NEWEST, help="id, time, newest or newest-proven")


def _list(arguments: argparse.Namespace) -> int:
    from windlass.domain.remote import Command, FormArguments

    given = FormArguments(as_json=is_for_programs(arguments))
    return run_command(
        arguments, Command.BACKUP_LIST, given, cluster=arguments.cluster, show=show_json(arguments.output)
    )


def _show(arguments: argparse.Namespace) -> int:
    from windlass.domain.remote import BundleArguments, Command

    given = BundleArguments(bundle=arguments.bundle)
    return run_command(arguments, Command.BACKUP_SHOW, given, cluster=arguments.cluster)


def _verify(arguments: argparse.Namespace) -> int:
    from windlass.domain.remote import BundleArguments, Command

    given = BundleArguments(bundle=arguments.bundle)
    return run_command(arguments, Command.BACKUP_VERIFY, given, cluster=arguments.cluster)


def _now(arguments: argparse.Namespace) -> int:
    result = _run(arguments, Operation.BACK_UP, "take")
    print(f"{result['bundle']}: {result['keys']} keys, {result['bytes'] / _MIB:.1f} MiB, from {result['source']}")
    return 0


def _drill(arguments: argparse.Namespace) -> int:
    result = _run(arguments, Operation.DRILL, "drill", bundle=arguments.bundle)
    took = result["milliseconds"]["total"] / 1000
    print(f"{result['bundle']} is proven: restored on {result['host']} within {took:.1f} s")
    for what, found in result["compared"].items():
        print(f"  {what}: {found}")
    return 0


def _run(arguments: argparse.Namespace, dag: str, task: str, **params: Any) -> Any:
    run_id = f"{dag}-{uuid.uuid4().hex[:8]}"
    with open_client(arguments.airflow) as client:
        client.trigger(dag, run_id=run_id, conf={"cluster": arguments.cluster, **params})
        ended = client.wait(dag, run_id, within=_RUN_LIMIT)
        if ended.state != "success":
            failed = ", ".join(one.task_id for one in client.tasks(dag, run_id) if one.state == "failed")
            raise WindlassError(f"{dag}: the run {run_id} failed in {failed}; its log says why")
        return client.xcom(dag, run_id, task)
