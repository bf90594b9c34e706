"""The option of every command that reads Airflow's connections itself; in a module of its own, as it loads nothing."""

from __future__ import annotations

import argparse


def add_connections_option(parser: argparse.ArgumentParser) -> None:
    """Let a command be told whose connections it takes; `airflow_access.take_connections` does it."""
    parser.add_argument(
        "--airflow", metavar="NAME", help="take the connections of this embedded Airflow (default: from AIRFLOW_CONN_*)"
    )
