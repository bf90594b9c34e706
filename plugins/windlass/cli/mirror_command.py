"""The command `windlass mirror`; what it does, `windlass.cli.mirror` has, which takes longer to load than help may."""

from __future__ import annotations

import argparse
from pathlib import Path

from windlass.cli import mirror_accept, mirror_archive
from windlass.domain.architectures import ARCHITECTURES
from windlass.mirror import architecture_choice, source_choice


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `mirror` and what is below it."""
    parser = commands.add_parser("mirror", help="fill the local mirror of binaries and images, or serve it")
    parser.set_defaults(run=_fill)
    _add_source(parser)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only artifacts with this name")
    _add_architectures(parser)
    parser.add_argument("--verify", action="store_true", help="read everything first, and recreate what is damaged")
    below = parser.add_subparsers(metavar="ACTION")
    listing = below.add_parser("list", help="show every artifact with its state and digest")
    _add_source(listing)
    _add_architectures(listing)
    listing.set_defaults(run=_show)
    serving = below.add_parser("serve", help="serve the files over HTTP")
    serving.add_argument("--address", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    serving.add_argument("--port", type=int, default=8080, help="port to listen at (default: %(default)s)")
    serving.add_argument(
        "--registry-port", type=int, metavar="PORT", help="serve the images too, at this port (specs expect 5000)"
    )
    serving.add_argument("--certificate", type=Path, help="certificates (PEM) to serve by https with")
    serving.add_argument("--key", type=Path, help="the certificate's private key (PEM)")
    _add_source(serving)
    serving.set_defaults(run=_serve)
    mirror_accept.add_commands(below)
    mirror_archive.add_commands(below)


def _fill(arguments: argparse.Namespace) -> int:
    from windlass.cli import mirror

    return mirror.fill(arguments)


def _show(arguments: argparse.Namespace) -> int:
    from windlass.cli import mirror

    return mirror.show(arguments)


def _serve(arguments: argparse.Namespace) -> int:
    from windlass.cli import mirror

    return mirror.serve(arguments)


def _add_architectures(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--arch",
        action="append",
        choices=ARCHITECTURES,
        dest="architectures",
        default=argparse.SUPPRESS,  # it may stand before the action or after it
        help=f"whose hosts it is for, as often as there are several, besides those that it has artifacts for already "
        f"(default: {architecture_choice.SETTING}; of an empty mirror this machine's own)",
    )


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        choices=source_choice.CHOICES,
        default=argparse.SUPPRESS,  # it may stand before the action or after it
        help=f"where artifacts come from (default: {source_choice.SETTING}, or auto: official if it answers)",
    )
