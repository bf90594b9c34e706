"""`windlass store`: check what the store holds, bring an unsigned one over, accept or correct what is there."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from windlass.cli.airflow_access import take_connections
from windlass.cli.connections_option import add_connections_option
from windlass.domain.authenticity import RecordKeys
from windlass.domain.authenticity.place import CATALOG_CLUSTER
from windlass.domain.host.layout import SEALED_PKI
from windlass.effects.store import AcceptedObject, AuthenticatedStore, ClusterRecords, problems_of
from windlass.errors import SpecError, UnreachableError
from windlass.operations.store_repair import StoreRepair

_MOST_BYTES = 16 * 1024 * 1024


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass store`."""
    parser = commands.add_parser("store", help="check the store's objects, sign them, accept them")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _add(actions, "check", "list every object that is not what Windlass wrote there last", _check)
    sign = _add(actions, "sign", "bring over a store that a Windlass without signatures wrote", _sign)
    sign.add_argument("--plan-only", action="store_true", help="list what would be accepted, and change nothing")
    accept = _add(actions, "accept", "take what the store has of a cluster, or of the catalog, as the newest", _accept)
    which = accept.add_mutually_exclusive_group(required=True)
    which.add_argument("cluster", nargs="?", default=CATALOG_CLUSTER)
    which.add_argument(
        "--catalog", action="store_true", help="what belongs to no cluster: the locks that were accepted"
    )
    restore = _add(actions, "restore-pki", "put a lost PKI back from a control-plane host's sealed copy", _restore_pki)
    restore.add_argument("cluster")
    restore.add_argument("file", type=Path, help=f"a copy of {SEALED_PKI}")
    spec = _add(actions, "spec", "print the stored spec of a cluster, or correct it where no run can read it", _spec)
    spec.add_argument("cluster")
    spec.add_argument("--write", type=Path, metavar="FILE", help="store this in its place; hosts stay as they are")
    _add(actions, "record-key", "print the password of windlass_record_key, for the triggerer", _print_record_key)
    _add(actions, "reading-key", "print the password of windlass_reading_key, for the API server", _print_reading_key)


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


def _check(arguments: argparse.Namespace) -> int:
    repair = _open(arguments)
    problems = problems_of(_checked(repair), repair.store)
    for line in problems:
        print(line)
    print(f"{len(problems) or 'no'} objects are other than Windlass wrote them")
    return 1 if problems else 0


def _sign(arguments: argparse.Namespace) -> int:
    repair = _open(arguments)
    if arguments.plan_only:
        _list(repair.unsigned(), "would be accepted and signed")
        return 0
    installation, accepted = repair.sign()
    _list(accepted, f"were accepted and signed; the store is the installation {installation}")
    return 0


def _accept(arguments: argparse.Namespace) -> int:
    of = arguments.cluster or "the catalog"
    _list(_open(arguments).accept(arguments.cluster), f"of {of} were other than known, and are accepted")
    return 0


def _restore_pki(arguments: argparse.Namespace) -> int:
    repair = _open(arguments)
    repair.restore_pki(ClusterRecords(_checked(repair), arguments.cluster), _read(arguments.file))
    print(f"the PKI of {arguments.cluster} is in the store again")
    return 0


def _spec(arguments: argparse.Namespace) -> int:
    repair, path = _open(arguments), arguments.write
    records = ClusterRecords(_checked(repair), arguments.cluster)
    if path is None:
        stored = records.spec_bytes()
        if stored is None:
            raise SpecError(f"the store has no cluster `{arguments.cluster}`")
        sys.stdout.write(stored.decode(errors="replace"))
        return 0
    is_other = repair.write_spec(records, _text(path), str(path))
    print(f"the stored spec of {arguments.cluster} is {path} now" if is_other else "nothing changed: it is stored so")
    return 0


def _print_record_key(arguments: argparse.Namespace) -> int:
    print(RecordKeys.of(_open(arguments).masters).record_text().reveal())
    return 0


def _print_reading_key(arguments: argparse.Namespace) -> int:
    print(RecordKeys.of(_open(arguments).masters).reading_text().reveal())
    return 0


def _open(arguments: argparse.Namespace) -> StoreRepair:
    take_connections(arguments.airflow)
    # Airflow reads its settings from the environment when it is imported, and no other command should wait for it.
    from windlass.airflow.connections import master_keys, open_unchecked_store  # noqa: PLC0415 - see above

    return StoreRepair(open_unchecked_store(), master_keys(), getpass.getuser())


def _checked(repair: StoreRepair) -> AuthenticatedStore:
    return AuthenticatedStore.by(repair.store, repair.masters)


def _list(objects: Iterable[AcceptedObject], text: str) -> None:
    found = list(objects)
    for one in found:
        print(one)
    print(f"{len(found)} objects {text}")


def _text(path: Path) -> str:
    try:
        return _read(path).decode()
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: {error}; give a spec as UTF-8") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UnreachableError(f"{path}: {error.strerror}; give a file that can be read") from error
    if len(data) > _MOST_BYTES:
        raise SpecError(f"{path}: it has more than {_MOST_BYTES} bytes, which nothing of a cluster has")
    return data
