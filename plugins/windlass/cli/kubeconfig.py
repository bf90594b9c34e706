"""`windlass kubeconfig`: access to a cluster for a person, by a certificate that soon expires."""

from __future__ import annotations

import argparse
import getpass
from datetime import timedelta
from pathlib import Path

from windlass.cli.airflow_access import take_connections
from windlass.cli.embedded.secret_files import write_private

_DEFAULT_HOURS = 24


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass kubeconfig`."""
    parser = commands.add_parser("kubeconfig", help="write a kubeconfig with a short-lived certificate")
    parser.add_argument("cluster")
    parser.add_argument("--output", type=Path, help="file to write, mode 0600 (default: CLUSTER.kubeconfig)")
    parser.add_argument("--user", default=getpass.getuser(), help="name in the certificate (default: %(default)s)")
    parser.add_argument("--hours", type=float, default=_DEFAULT_HOURS, help="how long it is valid (default: 24)")
    parser.add_argument(
        "--airflow", metavar="NAME", help="take the connections of this embedded Airflow (default: from AIRFLOW_CONN_*)"
    )
    parser.set_defaults(run=_write)


def _write(arguments: argparse.Namespace) -> int:
    take_connections(arguments.airflow)
    # Airflow reads its settings from the environment when it is imported, and no other command should wait for it.
    from windlass.airflow.services import airflow_services  # noqa: PLC0415 - see above
    from windlass.cli.access import grant_access  # noqa: PLC0415 - see above

    life = timedelta(hours=arguments.hours)
    services = airflow_services()
    access = grant_access(services.store, services.keys, arguments.cluster, arguments.user, life)
    path = arguments.output or Path(f"{arguments.cluster}.kubeconfig")
    write_private(path, access.kubeconfig.reveal())
    print(f"export KUBECONFIG={path.resolve()}  # valid for {arguments.hours:g} hours")
    return 0
