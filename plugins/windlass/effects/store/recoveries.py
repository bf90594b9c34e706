"""Records of recoveries: which bundle was restored, and from which revision on the cluster counts since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.domain.bounded import shown
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import recoveries_prefix
from windlass.errors import MALFORMED, IntegrityError


@dataclass(frozen=True)
class RecoveryRecord:
    """One recovery that got as far as changing something."""

    id: str
    run_id: str
    bundle: str
    revision: int
    """The first that the restored cluster gave out, or more."""

    def to_bytes(self) -> bytes:
        """Return the record as JSON."""
        return json.dumps(self.__dict__, indent=1).encode()


def save_recovery(store: Store, cluster: str, record: RecoveryRecord) -> None:
    """Store a record; written again it is the same."""
    store.put(f"{recoveries_prefix(cluster)}{record.id}.json", record.to_bytes())


def recoveries(store: Store, cluster: str) -> tuple[RecoveryRecord, ...]:
    """Return all recoveries of a cluster; IntegrityError if a record is not readable."""
    stored = [(item.key, store.get(item.key)) for item in store.list(recoveries_prefix(cluster))]
    return tuple(_parse(key, found.data) for key, found in stored if found is not None)


def _parse(key: str, data: bytes) -> RecoveryRecord:
    try:
        document: Mapping[str, Any] = json.loads(data)
        return RecoveryRecord(
            str(document["id"]), str(document["run_id"]), str(document["bundle"]), int(document["revision"])
        )
    except MALFORMED as error:
        raise IntegrityError(f"{key}: this record of a recovery is not readable ({shown(error)}); delete it") from error
