"""`windlass certificates`: every certificate and key of a cluster, until when it is valid, and where it is used."""

from __future__ import annotations

import argparse

from windlass.cli.connections_option import add_connections_option
from windlass.cli.output_form import add_output_option, is_for_programs, show_json
from windlass.cli.remote import run_command


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass certificates`."""
    parser = commands.add_parser("certificates", help="list the certificates of a cluster with their ends")
    parser.add_argument("cluster")
    parser.add_argument("--within", type=int, metavar="DAYS", help="only those that end within so many days")
    add_output_option(parser)
    add_connections_option(parser)
    parser.set_defaults(run=_show)


def _show(arguments: argparse.Namespace) -> int:
    from windlass.domain.remote import CertificatesArguments, Command

    given = CertificatesArguments(within=arguments.within, as_json=is_for_programs(arguments))
    show = show_json(arguments.output)
    return run_command(arguments, Command.CERTIFICATES, given, cluster=arguments.cluster, show=show)
