"""`windlass people-key`: the key for an API server of Airflow that is to let people into clusters, and no more."""

from __future__ import annotations

import argparse

from windlass.cli.connections_option import add_connections_option
from windlass.cli.remote import run_command


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass people-key`."""
    parser = commands.add_parser("people-key", help="print the key by which Airflow's API server lets people in")
    add_connections_option(parser)
    parser.set_defaults(run=_show)


def _show(arguments: argparse.Namespace) -> int:
    from windlass.domain.remote import Arguments, Command

    return run_command(arguments, Command.PEOPLE_KEY, Arguments())
