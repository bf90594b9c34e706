"""What the store held in each format, as releases wrote it, and how it is read and written now.

`python -m world.golden` writes samples of formats that have none yet.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from windlass.domain.authenticity import Ledger
from windlass.domain.backup import BundleId, parse_manifest
from windlass.domain.backup.drills import parse_drill
from windlass.domain.lease import Lease
from windlass.domain.sealing import MasterKeys
from windlass.effects.store import ClusterRecords, HostKeys, MemoryStore, Store
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.effects.store.followed import read_followed, save_followed
from windlass.effects.store.people import PeopleRecords
from windlass.effects.store.recoveries import recoveries, save_recovery
from windlass.effects.store.rehearsals import last_rehearsal, save_rehearsal

NAME = "demo"
FOLDER = Path(__file__).parent / "formats"


@dataclass(frozen=True)
class Sample:
    """An object that a release wrote."""

    kind: str
    format: int
    key: str
    data: bytes


def samples() -> list[Sample]:
    """Return all of them; a file has those of one kind and one format, by their keys."""
    return [
        Sample(path.name.split(".")[0], int(path.name.split(".")[1]), key, base64.b64decode(data))
        for path in sorted(FOLDER.glob("*.json"))
        for key, data in json.loads(path.read_text()).items()
    ]


def master_keys() -> MasterKeys:
    return MasterKeys.parse((FOLDER / "master.key").read_text().strip())


@dataclass(frozen=True)
class Reading:
    """An object as it is read now: its content, and all that a reader may need."""

    key: str
    body: bytes
    store: Store
    keys: MasterKeys

    @property
    def records(self) -> ClusterRecords:
        return ClusterRecords(self.store, NAME)

    def anew(self, write: Callable[[MemoryStore], object]) -> bytes:
        """Return what is stored at this key by something written now."""
        fresh = MemoryStore()
        write(fresh)
        stored = fresh.get(self.key)
        assert stored is not None
        return stored.data


def _record(read: str, write: str) -> Callable[[Reading], bytes]:
    def again(one: Reading) -> bytes:
        value = getattr(one.records, read)()
        assert value
        return one.anew(lambda store: getattr(ClusterRecords(store, NAME), write)(value))

    return again


def _lease(one: Reading) -> bytes:
    return Lease.from_bytes(one.body).to_bytes()


def _pki(one: Reading) -> bytes:
    pki = one.records.pki(one.keys)
    assert pki is not None
    assert pki.leaves
    return one.body  # it is sealed anew each time


def _people(one: Reading) -> bytes:
    assert PeopleRecords(one.store, NAME).access(one.keys.for_people()) is not None
    return one.body  # the same


def _bundle(one: Reading) -> bytes:
    bundle = BundleId.parse(one.key.split("/")[-2])
    return parse_manifest(one.body, one.keys, NAME, bundle).to_bytes(one.keys)


def _drill(one: Reading) -> bytes:
    name = one.key.rpartition("/")[2].removesuffix(".json")
    again = parse_drill(one.body, one.keys, NAME, name).to_bytes(one.keys)
    return one.body if json.loads(again) == json.loads(one.body) else again  # sets of names have no order


def _recovery(one: Reading) -> bytes:
    (record,) = recoveries(one.store, NAME)
    return one.anew(lambda store: save_recovery(store, NAME, record))


def _rehearsal(one: Reading) -> bytes:
    target = one.key.rpartition("/")[2].removesuffix(".json")
    record = last_rehearsal(one.store, NAME, target)
    assert record is not None
    return one.anew(lambda store: save_rehearsal(store, record))


def _accepted_key(one: Reading) -> bytes:
    ((host, accepted),) = HostKeys(one.store, NAME).accepted().items()
    return one.anew(lambda store: HostKeys(store, NAME).accept(host, accepted))


def _known_host(one: Reading) -> bytes:
    (line,) = HostKeys(one.store, NAME).lines()
    return line.encode()


def _accepted_lock(one: Reading) -> bytes:
    (accepted,) = AcceptedLocks(one.store, one.keys).all()
    written = AcceptedLocks(MemoryStore(), one.keys, lambda: accepted.history[0].at)
    written.accept(accepted.mirror, accepted.lock, accepted.history[0].by)
    stored = written.store.get(one.key)
    assert stored is not None
    return stored.data


def _followed(one: Reading) -> bytes:
    followed = read_followed(one.store, NAME)
    assert followed is not None
    return one.anew(lambda store: save_followed(store, NAME, followed))


def _ledger(one: Reading) -> bytes:
    return Ledger.of(one.body).to_bytes()


WRITTEN_AGAIN: dict[str, Callable[[Reading], bytes]] = {
    "spec": _record("spec", "save_spec"),
    "created": _record("created", "save_created"),
    "roll": _record("rollout", "save_rollout"),
    "left_hosts": _record("left_hosts", "save_left_hosts"),
    "pause": _record("pause", "ask_pause"),
    "durations": _record("durations", "save_durations"),
    "told-failures": _record("told_failures", "save_told_failures"),
    "remediation-waits": _record("waiting", "save_waiting"),
    "told-kubernetes": _record("echoed", "save_echoed"),
    "status": _record("status", "save_status"),
    "repairs": _record("repairs", "save_repairs"),
    "pki": _pki,
    "people": _people,
    "bundles": _bundle,
    "drills": _drill,
    "recoveries": _recovery,
    "rehearsals": _rehearsal,
    "accepted_host_keys": _accepted_key,
    "known_hosts": _known_host,
    "accepted": _accepted_lock,
    "followed": _followed,
    "ledger": _ledger,
    **dict.fromkeys(("lease", "backup-lease", "drill-lease", "delete"), _lease),
}
"""How an object of each kind is written again after it was read; of the sealed ones only that they are read."""
READ_ONLY = {"installation", "offers", "backup-alert", "summaries"}
"""Kinds of few words that have no value of their own, or are compressed."""
OF_BEFORE = {"published", "locks"}
"""Kinds that are only read, and have tests of their own."""
