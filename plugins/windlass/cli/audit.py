"""`windlass audit`: how a running cluster stands by the CIS Kubernetes Benchmark; nothing is changed.

It asks hosts and the API with the same connections as a run of a DAG would.
"""

from __future__ import annotations

import argparse
import getpass
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from windlass.cli.airflow_access import take_connections
from windlass.cli.connections_option import add_connections_option
from windlass.domain.hardening import controls_table
from windlass.domain.lease import Owner
from windlass.errors import SpecError

if TYPE_CHECKING:
    from windlass.operations.run import ClusterRun

_COMMAND = "windlass audit"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass audit`."""
    parser = commands.add_parser("audit", help="check a cluster against the CIS Kubernetes Benchmark")
    parser.add_argument("cluster", nargs="?", default="")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--controls", action="store_true", help="print all controls as a table in Markdown instead")
    add_connections_option(parser)
    parser.set_defaults(run=_audit)


def _audit(arguments: argparse.Namespace) -> int:
    if arguments.controls:
        print("\n".join(controls_table()))
        return 0
    if not arguments.cluster:
        raise SpecError(f"{_COMMAND}: no cluster is named; write `{_COMMAND} CLUSTER`")
    take_connections(arguments.airflow)
    # Airflow reads its settings from the environment when it is imported, and no other command should wait for it.
    from windlass.airflow.run_context import RunContext  # noqa: PLC0415 - see above
    from windlass.airflow.services import airflow_services  # noqa: PLC0415 - see above

    owner = Owner(_COMMAND, getpass.getuser())
    run = RunContext(arguments.cluster, owner, lambda _: None, airflow_services())
    return print_audit(run, print, as_json=arguments.json)


def print_audit(run: ClusterRun, show: Callable[[str], None], *, as_json: bool) -> int:
    """Audit, show the report, and return 0 if every control is met or explained, else 1."""
    from windlass.operations.hardening.audit import audit_cluster  # noqa: PLC0415 - other commands need not wait for it

    report = audit_cluster(run)
    show(json.dumps(report.value(), indent=2, ensure_ascii=False) if as_json else "\n".join(report.lines()))
    return 0 if report.is_good else 1
