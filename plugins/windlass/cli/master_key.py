"""`windlass master-key`: what is still sealed with which master key, and what the old ones are needed for."""

from __future__ import annotations

import argparse

from windlass.cli.connections_option import add_connections_option
from windlass.cli.remote import run_command
from windlass.domain.remote import Command, FormArguments


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass master-key`."""
    parser = commands.add_parser("master-key", help="show what is sealed with which master key")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connections_option(parser)
    parser.set_defaults(run=_show)


def _show(arguments: argparse.Namespace) -> int:
    return run_command(arguments, Command.MASTER_KEY, FormArguments(as_json=arguments.json))
