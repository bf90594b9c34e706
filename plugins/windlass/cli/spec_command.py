"""The command `windlass spec`; what it does, `windlass.cli.spec` has, which takes longer to load than help may."""

from __future__ import annotations

import argparse
from pathlib import Path

from windlass.effects.packaged import catalog_directory


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `windlass spec` and what is below it."""
    spec = commands.add_parser("spec", help="check cluster specs, print their schema")
    below = spec.add_subparsers(metavar="COMMAND", required=True)
    validate = below.add_parser("validate", help="say everything that is wrong with cluster specs, at once")
    validate.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a cluster spec; - for standard input")
    validate.add_argument(
        "--catalog",
        type=Path,
        default=catalog_directory(),
        help="directory with one directory per Kubernetes version (default: %(default)s)",
    )
    validate.set_defaults(run=_validate)
    schema = below.add_parser("schema", help="print the JSON Schema of cluster specs")
    schema.add_argument("--markdown", action="store_true", help="print the reference of all keys instead")
    schema.set_defaults(run=_schema)


def _validate(arguments: argparse.Namespace) -> int:
    from windlass.cli import spec

    return spec.validate(arguments)


def _schema(arguments: argparse.Namespace) -> int:
    from windlass.cli import spec

    return spec.print_schema(arguments)
