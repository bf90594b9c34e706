"""Documents of the store, whatever stands in them: read, or refused by an error of ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from unit.backup.examples import BUNDLE, manifest
from unit.hostile.mutations import BUDGET, mutated_json, returned
from unit.store.stores import signed_before
from windlass.domain.accepted_lock import first_accepted
from windlass.domain.apply.created import CreatedRecord
from windlass.domain.artifacts import Lock, parse_lock
from windlass.domain.backup import BundleState
from windlass.domain.backup.drills import parse_drill
from windlass.domain.backup.manifest import parse_manifest
from windlass.domain.catalog.flags import read_flags
from windlass.domain.catalog.tested import TestRecord
from windlass.domain.health.findings import Finding, Kind
from windlass.domain.lease import Lease, Owner, decide, grant
from windlass.domain.objects.inventory import ObjectInventory, ObjectRef
from windlass.domain.objects.node_settings import NodeSettings
from windlass.domain.pki import Pki, issue_pki
from windlass.domain.remediation import History
from windlass.domain.rollout.record import LeftHost, Pause, RolloutRecord
from windlass.domain.sealing import MasterKeys, new_master_key, sign
from windlass.domain.servicelog import Event
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.store import ClusterRecords, HostKeys, MemoryStore, ServiceLog
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.effects.store.host_keys import AcceptedHostKey
from windlass.effects.store.keys import (
    accepted_host_keys_prefix,
    accepted_lock_key,
    created_key,
    durations_key,
    echo_key,
    left_hosts_key,
    lock_key_of_before,
    log_prefix,
    pause_key,
    rollout_key,
    status_key,
    waiting_key,
)
from windlass.effects.store.recoveries import RecoveryRecord, recoveries, save_recovery

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OWNER = Owner("create_cluster", "one")
KEYS = MasterKeys.parse(new_master_key().reveal())
HOST = Host.model_validate({"name": "w-1", "address": "192.0.2.4", "roles": ["worker"]})


def loaded(data: bytes) -> Any:
    return json.loads(data)


def pki() -> Pki:
    from unit.pki.conftest import make_cluster  # noqa: PLC0415 - a conftest of others

    return issue_pki(make_cluster(), NOW)


PKI = pki()
STATE = BundleState(PKI, "kind: Cluster\n", encrypts_secrets=True, images={"etcd": "1"}, stacks={"cp-1": {"/a": b"x"}})
HISTORY = History().tried("cp-1/etcd", NOW).alerted({"cp-1/etcd": "it ends"}).with_cordon("w-1")
ACCEPTED = first_accepted("http://a", Lock("modules", {}), "ops", NOW)
EVENT = Event(NOW, "heal_cluster", "text", details={"a": [1, {"b": None}]})
FINDING = Finding("demo", "cp-1", "etcd", Kind.PROCESS_DOWN, NOW, ("cp-2",), "refused")
INVENTORY = ObjectInventory((ObjectRef("v1", "Service", "default", "web", "dns"),))

READERS: dict[str, tuple[Any, Callable[[bytes], Any]]] = {
    "lease": (
        loaded(grant(OWNER, "apply", NOW).to_bytes()),
        lambda data: decide(Lease.from_bytes(data), OWNER, holder_finished=None, now=NOW),
    ),
    "history": (
        loaded(HISTORY.to_bytes()),
        lambda data: (one := History.from_bytes(data)) and [one.free_at(key, NOW) for key in one.tries],
    ),
    "event": (loaded(EVENT.to_bytes()), lambda data: Event.from_bytes(data).to_bytes()),
    "finding": (FINDING.to_dict(), lambda data: _of_object(Finding.from_dict, data)),
    "pki": (loaded(PKI.to_bytes()), Pki.from_bytes),
    "state of a bundle": (loaded(STATE.to_bytes()), BundleState.from_bytes),
    "lock": (
        {"source": "modules", "artifacts": {"image:etcd:v1": {"digest": "sha256:0", "size": 1, "origin": "build"}}},
        lambda data: parse_lock(data.decode(errors="replace")),
    ),
    "accepted lock": (
        ACCEPTED.document(),
        lambda data: _found_lock(accepted_lock_key("http://a"), data),
    ),
    "accepted lock of before": (
        loaded(signed_before(ACCEPTED.document(), lock_key_of_before("http://a"), KEYS)),
        lambda data: _found_lock(lock_key_of_before("http://a"), data),
    ),
    "flags": (
        {"etcd": {"flags": {"name": "string deprecated"}, "gates": ["A"]}},
        lambda data: read_flags(data.decode(errors="replace"), "flags.json"),
    ),
    "record of tests": (
        {
            "version": "v1.37.2", "date": "2026-11-24", "parts": "0", "templates": "0", "source": "modules",
            "artifacts": {}, "end_to_end": {"passed": 1, "failed": 0, "skipped": 0, "failures": [], "modules": ["a"]},
        },
        lambda data: TestRecord.from_text(data.decode(errors="replace"), "tested.json"),
    ),
    "inventory": (
        INVENTORY.document(),
        lambda data: _of_object(ObjectInventory.read, data),
    ),
    "settings of a node": (
        {"metadata": {"annotations": {"windlass.io/node-settings": '{"labels": ["a"], "taints": ["a:NoExecute"]}'}}},
        lambda data: _of_object(NodeSettings.read, data),
    ),
}  # fmt: skip


def _found_lock(key: str, data: bytes) -> Any:
    store = MemoryStore()
    store.put(key, data)
    return AcceptedLocks(store, KEYS).find("http://a")


def _of_object(read: Callable[[Any], Any], data: bytes) -> Any:
    """Read a document that is parsed elsewhere, if it is an object at all."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return read(document) if isinstance(document, dict) else None


@pytest.mark.parametrize(("document", "read"), READERS.values(), ids=READERS)
def test_a_document_as_it_is_written_is_read(document: Any, read: Callable[[bytes], Any]) -> None:
    read(json.dumps(document).encode())


def fuzz(document: Any, read: Callable[[bytes], Any]) -> None:
    @given(data=mutated_json([document]))
    @BUDGET
    def check(data: bytes) -> None:
        returned(lambda: read(data))

    check()


@pytest.mark.parametrize(("document", "read"), READERS.values(), ids=READERS)
def test_documents(document: Any, read: Callable[[bytes], Any]) -> None:
    fuzz(document, read)


def signed(name: str, body: Any) -> bytes:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    return json.dumps({name: body, "signature": sign(canonical, KEYS)}).encode()


MANIFEST = loaded(manifest().to_bytes(KEYS))["manifest"]
DRILL = {
    "id": f"{BUNDLE}.a", "cluster": "demo", "bundle": str(BUNDLE), "host": "cp-1", "by": "x",
    "started": NOW.isoformat(), "finished": NOW.isoformat(), "milliseconds": {"total": 1}, "failure": "",
    "disproves": False,
    "comparisons": [{"what": "a", "expected": "1", "found": "1"}],
}  # fmt: skip


def test_manifests_of_bundles_signed_or_not() -> None:
    def both(data: bytes) -> None:
        parse_manifest(data, KEYS, "demo", BUNDLE)

    fuzz(loaded(manifest().to_bytes(KEYS)), both)

    def truly_signed(data: bytes) -> None:
        parse_manifest(signed("manifest", json.loads(data)), KEYS, "demo", BUNDLE)

    _fuzz_signed(MANIFEST, truly_signed)


def test_records_of_drills_signed_or_not() -> None:
    fuzz(json.loads(signed("drill", DRILL)), lambda data: parse_drill(data, KEYS, "demo", DRILL["id"]))
    _fuzz_signed(DRILL, lambda data: parse_drill(signed("drill", json.loads(data)), KEYS, "demo", DRILL["id"]))


def _fuzz_signed(document: Any, read: Callable[[bytes], Any]) -> None:
    def check(data: bytes) -> None:
        try:
            json.loads(data)
        except (ValueError, RecursionError):
            return
        read(data)

    fuzz(document, check)


RECORDS = ClusterRecords(MemoryStore(), "demo")
ROLLOUT = RolloutRecord("v1.36.3", "v1.37.2", "run", NOW.isoformat(), hosts=({"name": "w-1"},))
STORED: dict[str, tuple[str, Any, Callable[[ClusterRecords], Any]]] = {
    "created": (created_key("demo"), {"verified": NOW.isoformat(), "etcd": "a1"}, ClusterRecords.created),
    "waiting": (waiting_key("demo"), {"run": "one"}, ClusterRecords.waiting),
    "echoed": (echo_key("demo"), {"until": NOW.isoformat()}, lambda one: one.echoed() < NOW),
    "rollout": (rollout_key("demo"), ROLLOUT.__dict__ | {"hosts": [{"name": "w-1"}]}, ClusterRecords.rollout),
    "left hosts": (left_hosts_key("demo"), [LeftHost(HOST, "then", "why").value()], ClusterRecords.left_hosts),
    "pause": (pause_key("demo"), Pause("run", "by", "then").__dict__, lambda one: str(one.pause())),
    "durations": (durations_key("demo"), {"kinds": {"etcd": 1.5}, "hosts": {}}, ClusterRecords.durations),
    "status": (status_key("demo"), {"observed": NOW.isoformat(), "subjects": []}, ClusterRecords.status),
}


@pytest.mark.parametrize(("key", "document", "read"), STORED.values(), ids=STORED)
def test_records_of_a_cluster(key: str, document: Any, read: Callable[[ClusterRecords], Any]) -> None:
    def check(data: bytes) -> Any:
        RECORDS.store.put(key, data)
        return read(RECORDS)

    check(json.dumps(document).encode())
    fuzz(document, check)


def test_the_record_of_when_a_cluster_was_verified_is_what_was_stored() -> None:
    RECORDS.store.put(created_key("demo"), json.dumps({"verified": NOW.isoformat(), "etcd": "a1"}).encode())
    assert RECORDS.created() == CreatedRecord(NOW, "a1")


def test_accepted_host_keys_and_recoveries() -> None:
    keys, target = HostKeys(RECORDS.store, "demo"), SshTarget("w-1", "192.0.2.4", "ops", "key")
    accepted = AcceptedHostKey("192.0.2.4 ssh-ed25519 AAAA", ("SHA256:x",), "run", "then")

    def of_hosts(data: bytes) -> Any:
        RECORDS.store.put(accepted_host_keys_prefix("demo") + "w-1", data)
        return keys.known([target])

    fuzz(accepted.__dict__ | {"replaced": ["SHA256:x"]}, of_hosts)
    record = RecoveryRecord("id", "run", "bundle", 7)
    save_recovery(RECORDS.store, "demo", record)
    (key,) = [item.key for item in RECORDS.store.list("clusters/demo/") if item.key.endswith("id.json")]

    def of_recoveries(data: bytes) -> Any:
        RECORDS.store.put(key, data)
        return recoveries(RECORDS.store, "demo")

    fuzz(record.__dict__, of_recoveries)


def test_the_service_log() -> None:
    store = MemoryStore()
    log = ServiceLog(store, "demo")
    key = log.append(EVENT, "heal_cluster")
    assert key.startswith(log_prefix("demo"))

    def read(data: bytes) -> Any:
        store.put(key, data)
        return log.newest()

    fuzz(loaded(EVENT.to_bytes()), read)
