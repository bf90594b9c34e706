"""A store of before is brought over once, by a person's word; from then on nothing unsigned is taken."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from unit.store.stores import new_keys, objects_of, opened
from windlass.domain.apply.created import CreatedRecord
from windlass.domain.authenticity.place import INSTALLATION
from windlass.domain.backup import BundleId, DrillRecord, drill_id
from windlass.domain.lease import Owner
from windlass.domain.servicelog import Event
from windlass.effects.bundles import Vault
from windlass.effects.store import ClusterRecords, HostKeys, Leases, MemoryStore, ServiceLog, problems_of
from windlass.effects.store.keys import (
    accepted_lock_key,
    host_keys_prefix,
    lease_key,
    published_lock_key,
    spec_key,
    status_key,
)
from windlass.errors import IntegrityError, RefusedError
from windlass.operations.store_repair import StoreRepair

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
MASTERS = new_keys()
BUNDLE = BundleId.of(NOW, 7)


def drill(cluster: str, bundle: BundleId = BUNDLE) -> DrillRecord:
    return DrillRecord(
        id=drill_id(bundle, NOW), cluster=cluster, bundle=str(bundle), host="w-1", by="restore_drill", started=NOW,
        finished=NOW, milliseconds={}, comparisons=(), failure="", disproves=False,
    )  # fmt: skip


@pytest.fixture
def old() -> MemoryStore:
    """A store as a Windlass that signed nothing left it."""
    store = MemoryStore()
    for name in ("demo", "other"):
        records = ClusterRecords(store, name)
        records.save_spec(f"spec: {name}\n")
        records.save_created(CreatedRecord(NOW, "a1"))
        records.save_status({"is": "well"})
        store.put(f"{host_keys_prefix(name)}cp-1", b"192.0.2.1 ssh-ed25519 AAAA")
        Leases(store, lambda _: None, lambda: NOW).acquire(name, Owner("apply_cluster", "one"), "apply_cluster")
        ServiceLog(store, name).append(Event(NOW, "create_cluster", "Created"), "create_cluster")
        Vault(store, name, MASTERS).save_drill(drill(name))
    store.put(published_lock_key("v1.37.2"), b"digests")
    return store


def repair_of(store: MemoryStore) -> StoreRepair:
    return StoreRepair(store, MASTERS, "ops")


def test_a_lock_that_nobody_signed_is_never_taken(old: MemoryStore) -> None:
    old.put(accepted_lock_key("http://192.0.2.9"), b"{}")

    _, accepted = repair_of(old).sign()

    assert accepted_lock_key("http://192.0.2.9") not in {one.key for one in accepted}
    with pytest.raises(IntegrityError, match="it is not signed"):
        opened(old, MASTERS).get(accepted_lock_key("http://192.0.2.9"))


def test_a_catalog_alone_shows_that_a_store_was_in_use() -> None:
    raw = MemoryStore()
    opened(raw, MASTERS).put(accepted_lock_key("http://192.0.2.9"), b"{}")
    raw.delete(INSTALLATION)

    with pytest.raises(RefusedError, match="windlass store sign"):
        opened(raw, MASTERS).get(spec_key("demo"))


def test_a_new_store_is_signed_from_its_first_object_on() -> None:
    raw = MemoryStore()
    ServiceLog(raw, "demo").append(Event(NOW, "create_cluster", "refused"), "create_cluster")
    assert ClusterRecords(opened(raw, MASTERS), "demo").spec() is None
    ClusterRecords(opened(raw, MASTERS), "demo").save_spec("spec: one\n")

    assert ClusterRecords(opened(raw, MASTERS), "demo").spec() == "spec: one\n"
    assert INSTALLATION in objects_of(raw)


def test_a_store_of_before_is_refused_with_the_way_out_and_not_touched(old: MemoryStore) -> None:
    before = objects_of(old)

    with pytest.raises(RefusedError, match="windlass store sign"):
        ClusterRecords(opened(old, MASTERS), "demo").spec()
    with pytest.raises(RefusedError, match="windlass store sign"):
        ClusterRecords(opened(old, MASTERS), "new").save_spec("x")
    assert objects_of(old) == before


def test_a_store_of_before_is_brought_over(old: MemoryStore) -> None:
    planned = repair_of(old).unsigned()
    installation, accepted = repair_of(old).sign()
    store = opened(old, MASTERS)
    records = ClusterRecords(store, "demo")

    assert store.installation == installation
    assert planned == accepted
    assert {spec_key("demo"), spec_key("other"), lease_key("demo"), published_lock_key("v1.37.2")} <= {
        one.key for one in accepted
    }
    assert records.spec() == "spec: demo\n"
    assert records.created() == CreatedRecord(NOW, "a1")
    assert records.status() == {"is": "well"}
    assert HostKeys(store, "demo").lines() == ("192.0.2.1 ssh-ed25519 AAAA",)
    assert Vault(store, "demo", MASTERS).drill(drill_id(BUNDLE, NOW)) == drill("demo")
    assert not problems_of(store, old)
    assert not [key for key, data in objects_of(old).items() if b"spec: demo" in data]


def test_the_service_log_lists_what_was_accepted(old: MemoryStore) -> None:
    repair_of(old).sign()
    (event,) = [one for one in ServiceLog(old, "demo").newest() if one.operation == "windlass store sign"]

    assert event.level == "warning"
    assert "ops" in event.text
    assert f"{spec_key('demo')} (11 bytes)" in event.details["objects"]
    assert not [one for one in event.details["objects"] if "other" in one]


def test_nothing_unsigned_is_taken_after_that(old: MemoryStore) -> None:
    repair_of(old).sign()
    store = opened(old, MASTERS)
    old.put(spec_key("demo"), b"spec: forged\n")
    old.put(status_key("new"), b"{}")

    with pytest.raises(IntegrityError, match="it is not signed"):
        store.get(spec_key("demo"))
    assert [line.split(" ")[0] for line in problems_of(opened(old, MASTERS), old)] == [
        spec_key("demo"),
        status_key("new"),
    ]
    with pytest.raises(RefusedError, match="is signed already"):
        repair_of(old).sign()


def test_bringing_over_goes_on_where_it_broke_off(old: MemoryStore) -> None:
    class Dying(MemoryStore):
        left = 6

        def replace(self, key: str, data: bytes, tag: str) -> str | None:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            return super().replace(key, data, tag)

    dying = Dying()
    dying._objects, dying._modified = old._objects, old._modified
    with pytest.raises(KeyboardInterrupt):
        repair_of(dying).sign()
    with pytest.raises(RefusedError, match="windlass store sign"):
        opened(old, MASTERS).get(spec_key("demo"))

    repair_of(old).sign()

    assert not problems_of(opened(old, MASTERS), old)
    assert ClusterRecords(opened(old, MASTERS), "other").spec() == "spec: other\n"


def test_an_id_that_was_deleted_is_given_back_and_not_made_anew(old: MemoryStore) -> None:
    installation, _ = repair_of(old).sign()
    old.delete(INSTALLATION)

    assert repair_of(old).sign() == (installation, ())


def test_what_is_not_signed_where_the_id_was_deleted_is_not_accepted(old: MemoryStore) -> None:
    installation, _ = repair_of(old).sign()
    old.delete(INSTALLATION)
    old.put(spec_key("demo"), b"spec: forged\n")

    assert repair_of(old).unsigned() == ()
    assert repair_of(old).sign() == (installation, ())
    with pytest.raises(IntegrityError, match="it is not signed"):
        opened(old, MASTERS).get(spec_key("demo"))


def test_a_drill_that_does_not_prove_itself_is_not_signed(old: MemoryStore) -> None:
    other = BundleId.of(NOW, 8)
    key = f"clusters/demo/drills/{drill_id(other, NOW)}.json"
    old.put(key, drill("demo").to_bytes(MASTERS))

    accepted = {one.key for one in repair_of(old).sign()[1]}

    assert key not in accepted
    with pytest.raises(IntegrityError, match="not signed"):
        opened(old, MASTERS).get(key)
