"""`windlass store`: check what the store holds, bring an unsigned one over, accept or correct what is there."""

from __future__ import annotations

import argparse
import base64
import os
from collections.abc import Callable
from pathlib import Path

from windlass.cli.airflow_access import is_by_airflow
from windlass.cli.connections_option import add_connections_option
from windlass.cli.remote import run_command
from windlass.cli.spec_file import read_spec
from windlass.domain.host.layout import SEALED_PKI
from windlass.errors import SpecError, UnreachableError

_MOST_BYTES = 1024 * 1024
"""Of a spec; of a sealed PKI three times as much."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass store`."""
    parser = commands.add_parser("store", help="check the store's objects, sign them, accept them")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _add(actions, "check", "list every object that is not what Windlass wrote there last", _plain("store check"))
    sign = _add(actions, "sign", "bring over a store that a Windlass without signatures wrote", _sign)
    sign.add_argument("--plan-only", action="store_true", help="list what would be accepted, and change nothing")
    accept = _add(actions, "accept", "take what the store has of a cluster, or of the catalog, as the newest", _accept)
    which = accept.add_mutually_exclusive_group(required=True)
    which.add_argument("cluster", nargs="?", default="")
    which.add_argument(
        "--catalog", action="store_true", help="what belongs to no cluster: the locks that were accepted"
    )
    restore = _add(actions, "restore-pki", "put a lost PKI back from a control-plane host's sealed copy", _restore_pki)
    restore.add_argument("cluster")
    restore.add_argument("file", type=Path, help=f"a copy of {SEALED_PKI}")
    spec = _add(actions, "spec", "print the stored spec of a cluster, or correct it where no run can read it", _spec)
    spec.add_argument("cluster")
    spec.add_argument("--write", type=Path, metavar="FILE", help="store this in its place; hosts stay as they are")
    record = "print the password of windlass_record_key, for the triggerer"
    _add(actions, "record-key", record, _plain("store record-key"))
    reading = "print the password of windlass_reading_key, for the API server"
    _add(actions, "reading-key", reading, _plain("store reading-key"))


def _add(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=text)
    add_connections_option(parser)
    parser.set_defaults(run=run)
    return parser


def _plain(words: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        from windlass.domain.remote import Arguments, Command

        return run_command(arguments, Command(words), Arguments())

    return run


def _sign(arguments: argparse.Namespace) -> int:
    from windlass.domain.remote import Command, SignArguments

    return run_command(arguments, Command.STORE_SIGN, SignArguments(plan_only=arguments.plan_only))


def _accept(arguments: argparse.Namespace) -> int:
    from windlass.domain.authenticity.place import CATALOG_CLUSTER
    from windlass.domain.remote import ClusterArguments, Command

    given = ClusterArguments(cluster=arguments.cluster or CATALOG_CLUSTER)
    return run_command(arguments, Command.STORE_ACCEPT, given)


def _restore_pki(arguments: argparse.Namespace) -> int:
    from windlass.domain.remote import Command, RestorePkiArguments

    copy = base64.b64encode(_read(arguments.file, 3 * _MOST_BYTES)).decode()
    given = RestorePkiArguments(cluster=arguments.cluster, copy_base64=copy)
    return run_command(arguments, Command.STORE_RESTORE_PKI, given)


def _spec(arguments: argparse.Namespace) -> int:
    from windlass.domain.remote import Command, SpecArguments

    path: Path | None = arguments.write
    given = SpecArguments(
        cluster=arguments.cluster, write=None if path is None else _text(arguments, path), filename=str(path or "spec")
    )
    return run_command(arguments, Command.STORE_SPEC, given)


def _text(arguments: argparse.Namespace, path: Path) -> str:
    if is_by_airflow(arguments.airflow, os.environ):
        return read_spec(path)
    try:
        return _read(path, _MOST_BYTES).decode()
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: {error}; give a spec as UTF-8") from error


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise UnreachableError(f"{path}: {error.strerror}; give a file that can be read") from error
    if len(data) > most:
        raise SpecError(f"{path}: it has more than {most} bytes, which nothing of a cluster has")
    return data
