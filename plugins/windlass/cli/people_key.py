"""`windlass people-key`: the key for an API server of Airflow that is to let people into clusters, and no more."""

from __future__ import annotations

import argparse
import json

from windlass.cli.airflow_access import take_connections
from windlass.cli.connections_option import add_connections_option
from windlass.domain.people import PEOPLE_KEY_CONNECTION


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass people-key`."""
    parser = commands.add_parser("people-key", help="print the key by which Airflow's API server lets people in")
    add_connections_option(parser)
    parser.set_defaults(run=_show)


def _show(arguments: argparse.Namespace) -> int:
    take_connections(arguments.airflow)
    # Airflow reads its settings from the environment when it is imported, and no other command should wait for it.
    from windlass.airflow.services import airflow_services  # noqa: PLC0415 - see above

    password = ",".join(key.key.reveal() for key in airflow_services().keys.for_people().keys)
    connection = json.dumps({"conn_type": "generic", "password": password})
    print(f"AIRFLOW_CONN_{PEOPLE_KEY_CONNECTION.upper()}={connection}")
    return 0
