"""`windlass master-key`: what is still sealed with which master key, and what the old ones are needed for."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from windlass.cli.airflow_access import take_connections
from windlass.cli.connections_option import add_connections_option
from windlass.operation_names import Operation

if TYPE_CHECKING:
    from windlass.domain.sealing import MasterKeys
    from windlass.effects.store import Store

Sealed = Mapping[str, Mapping[str, int]]
"""By the id of a master key: how many objects of each cluster are sealed with it."""
_SIGNED = (
    "no certificates and no bundles need it. Records of the store that were written while it was the first are signed "
    "by it, its installation.json among them, and are refused without it: keep it"
)
"""What is said of a master key that seals nothing: nothing signs all records of a store again."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass master-key`."""
    parser = commands.add_parser("master-key", help="show what is sealed with which master key")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connections_option(parser)
    parser.set_defaults(run=_show)


def _show(arguments: argparse.Namespace) -> int:
    take_connections(arguments.airflow)
    # Airflow reads its settings from the environment when it is imported, and no other command should wait for it.
    from windlass.airflow.services import airflow_services  # noqa: PLC0415 - see above

    services = airflow_services()
    found = sealed_objects(services.store)
    print(json.dumps(found, indent=1) if arguments.json else "\n".join(told(found, services.keys)))
    return 0


def sealed_objects(store: Store) -> dict[str, dict[str, int]]:
    """Return what of every cluster in the store is sealed with which master key: certificates and bundles."""
    from windlass.domain.sealing import sealed_with  # noqa: PLC0415 - other commands need not wait for it
    from windlass.effects.store import list_clusters  # noqa: PLC0415 - see above
    from windlass.effects.store.keys import cluster_prefix  # noqa: PLC0415 - see above

    found: dict[str, Counter[str]] = {}
    for cluster in list_clusters(store):
        for item in store.list(cluster_prefix(cluster)):
            # Of a bundle the small part alone is read: both are sealed at once, with one key.
            if item.key.endswith(("/pki.sealed", "/state.sealed")) and (stored := store.get(item.key)) is not None:
                found.setdefault(sealed_with(stored.data), Counter())[cluster] += 1
    return {key: dict(counted) for key, counted in sorted(found.items())}


def told(found: Sealed, keys: MasterKeys) -> list[str]:
    """Return the same in words: for each master key of the connection, and for keys that it does not hold any more."""
    known = [key.key_id for key in keys.keys]
    lines = [f"{known[0]}: the first, seals everything new; {_count(found.get(known[0], {}))}"]
    for key in known[1:]:
        sealed = found.get(key, {})
        advice = _advice(sealed) if sealed else _SIGNED
        lines.append(f"{key}: {_count(sealed)}; {advice}")
    lost = [key for key in found if key not in known]
    lines += [
        f"{key}: {_count(found[key])}; the connection lacks this key: put it back, or they are lost" for key in lost
    ]
    return [*lines, "Bundles in a store of their own (spec.backup.target) are not counted here."]


def _count(sealed: Mapping[str, int]) -> str:
    total = sum(sealed.values())
    return f"{total} objects of {', '.join(sorted(sealed))}" if total else "no objects"


def _advice(sealed: Mapping[str, int]) -> str:
    return (
        f"`{Operation.ROTATE}` with what: master-key for {', '.join(sorted(sealed))}, seals certificates again with "
        "the first one, and bundles go with their retention; keep this key"
    )
