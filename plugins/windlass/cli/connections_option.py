"""The option of every command that takes connections or a login; in a module of its own, as it loads nothing."""

from __future__ import annotations

import argparse


def add_connections_option(parser: argparse.ArgumentParser) -> None:
    """Let a command be told where it runs: in a worker, by a login to Airflow, or here with Airflow's connections."""
    parser.add_argument(
        "--airflow",
        metavar="URL",
        help="the Airflow that you logged in to; or take the connections of the embedded one of this NAME (default: "
        "connections from AIRFLOW_CONN_*; without AIRFLOW_CONN_WINDLASS_STORE what WINDLASS_AIRFLOW_URL names)",
    )
