"""`windlass audit`: how a running cluster stands by the CIS Kubernetes Benchmark; nothing is changed.

Hosts and the API are asked with the same connections as a run of a DAG would.
"""

from __future__ import annotations

import argparse

from windlass.cli.connections_option import add_connections_option
from windlass.cli.output_form import add_output_option, is_for_programs, show_json
from windlass.cli.remote import run_command
from windlass.errors import SpecError

_COMMAND = "windlass audit"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass audit`."""
    parser = commands.add_parser("audit", help="check a cluster against the CIS Kubernetes Benchmark")
    parser.add_argument("cluster", nargs="?", default="")
    add_output_option(parser)
    parser.add_argument("--controls", action="store_true", help="print all controls as a table in Markdown instead")
    add_connections_option(parser)
    parser.set_defaults(run=_audit)


def _audit(arguments: argparse.Namespace) -> int:
    from windlass.domain.remote import AuditArguments, Command

    if arguments.controls:
        from windlass.domain.hardening import controls_table

        print("\n".join(controls_table()))
        return 0
    if not arguments.cluster:
        raise SpecError(f"{_COMMAND}: no cluster is named; write `{_COMMAND} CLUSTER`")
    given = AuditArguments(as_json=is_for_programs(arguments))
    return run_command(arguments, Command.AUDIT, given, cluster=arguments.cluster, show=show_json(arguments.output))
