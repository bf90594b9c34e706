"""`windlass mirror accept` and `accepted`: which lock holds for a mirror, whatever the mirror says of itself later."""

from __future__ import annotations

import argparse

from windlass.cli.connections_option import add_connections_option


def add_commands(below: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both to the actions of `windlass mirror`."""
    accepting = below.add_parser("accept", help="let the lock that a mirror offers hold for its clusters from now on")
    accepting.add_argument("mirror", help="base URL of the mirror's files, as specs have it")
    accepting.add_argument(
        "--digest", help="of the lock, unless it was made on the machine that asks the mirror: compare it first"
    )
    accepting.set_defaults(run=_accept)
    showing = below.add_parser("accepted", help="show the locks that hold: who accepted them, and when")
    showing.set_defaults(run=_show)
    for part in (accepting, showing):
        add_connections_option(part)


def _accept(arguments: argparse.Namespace) -> int:
    from windlass.cli.remote import run_command
    from windlass.domain.remote import AcceptArguments, Command

    given = AcceptArguments(mirror=arguments.mirror, digest=arguments.digest)
    return run_command(arguments, Command.MIRROR_ACCEPT, given)


def _show(arguments: argparse.Namespace) -> int:
    from windlass.cli.remote import run_command
    from windlass.domain.remote import Arguments, Command

    return run_command(arguments, Command.MIRROR_ACCEPTED, Arguments())
