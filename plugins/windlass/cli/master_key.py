"""`windlass master-key`: what is still sealed with which master key, and what the old ones are needed for."""

from __future__ import annotations

import argparse

from windlass.cli.connections_option import add_connections_option
from windlass.cli.output_form import add_output_option, is_for_programs, show_json
from windlass.cli.remote import run_command


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass master-key`."""
    parser = commands.add_parser("master-key", help="show what is sealed with which master key")
    add_output_option(parser)
    add_connections_option(parser)
    parser.set_defaults(run=_show)


def _show(arguments: argparse.Namespace) -> int:
    from windlass.domain.remote import Command, FormArguments

    given = FormArguments(as_json=is_for_programs(arguments))
    return run_command(arguments, Command.MASTER_KEY, given, show=show_json(arguments.output))
