"""The command `windlass credential`; what it does, `windlass.cli.credential` has, which takes longer to load."""

from __future__ import annotations

import argparse

from windlass.cli.airflow_access import HELP


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass credential`."""
    parser = commands.add_parser("credential", help="give kubectl a certificate of an hour, by the login to Airflow")
    parser.add_argument("--cluster", required=True)
    parser.add_argument("--airflow", metavar="NAME", help=HELP)
    parser.set_defaults(run=_give)


def _give(arguments: argparse.Namespace) -> int:
    from windlass.cli import credential

    return credential.give(arguments)
