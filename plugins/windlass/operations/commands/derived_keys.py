"""What the master key is needed for, and the keys derived from it: `master-key`, `people-key`, `store …-key`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from windlass.domain.authenticity import RecordKeys
from windlass.domain.people import PEOPLE_KEY_CONNECTION
from windlass.domain.remote import Arguments, FormArguments
from windlass.domain.sealing import MasterKeys, sealed_with
from windlass.effects.store import Store, list_clusters
from windlass.effects.store.keys import cluster_prefix
from windlass.operation_names import Operation
from windlass.operations.commands.command_context import CommandContext

Sealed = Mapping[str, Mapping[str, int]]
"""By the id of a master key: how many objects of each cluster are sealed with it."""
_SIGNED = (
    "no certificates and no bundles need it. Records of the store that were written while it was the first are signed "
    "by it, its installation.json among them, and are refused without it: keep it"
)
"""What is said of a master key that seals nothing: nothing signs all records of a store again."""


def master_key(context: CommandContext, given: FormArguments) -> int:
    """Show what is sealed with which master key."""
    found, keys = sealed_objects(context.services.store), context.services.keys
    context.show(json.dumps(found, indent=1) if given.as_json else "\n".join(told(found, keys)))
    return 0


def people_key(context: CommandContext, _: Arguments) -> int:
    """Print the connection by which an API server of Airflow lets people in."""
    password = ",".join(key.key.reveal() for key in context.services.keys.for_people().keys)
    connection = json.dumps({"conn_type": "generic", "password": password})
    context.show(f"AIRFLOW_CONN_{PEOPLE_KEY_CONNECTION.upper()}={connection}")
    return 0


def record_key(context: CommandContext, _: Arguments) -> int:
    """Print the key by which the triggerer reads and writes records."""
    context.show(RecordKeys.of(context.services.keys).record_text().reveal())
    return 0


def reading_key(context: CommandContext, _: Arguments) -> int:
    """Print the key by which the API server checks records."""
    context.show(RecordKeys.of(context.services.keys).reading_text().reveal())
    return 0


def sealed_objects(store: Store) -> dict[str, dict[str, int]]:
    """Return what of every cluster in the store is sealed with which master key: certificates and bundles."""
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
