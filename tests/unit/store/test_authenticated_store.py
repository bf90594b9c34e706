"""Whoever can write to the bucket cannot have Windlass take anything but what it wrote there last."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.store import StoreContract
from unit.store.stores import new_keys, objects_of, opened, put_back
from windlass.domain.authenticity import RecordKeys
from windlass.domain.authenticity.place import ledger_place, place_of
from windlass.domain.lease import Owner
from windlass.domain.sealing import seal_bytes, unseal_bytes
from windlass.effects.store import (
    AuthenticatedStore,
    ClusterRecords,
    Leases,
    MemoryStore,
    Store,
    Stored,
    UnverifiedStore,
)
from windlass.effects.store.keys import (
    accepted_host_keys_prefix,
    created_key,
    drill_key,
    durations_key,
    host_keys_prefix,
    lease_key,
    left_hosts_key,
    pause_key,
    pki_key,
    published_lock_key,
    recoveries_prefix,
    remediation_key,
    rollout_key,
    spec_key,
    status_key,
)
from windlass.errors import IntegrityError, LostObjectError, RefusedError

MASTERS = new_keys()
GUARDED: tuple[Callable[[str], str], ...] = (
    spec_key,
    pki_key,
    created_key,
    rollout_key,
    left_hosts_key,
    lambda cluster: f"{host_keys_prefix(cluster)}cp-1",
    lambda cluster: f"{accepted_host_keys_prefix(cluster)}cp-1",
    lambda cluster: f"{recoveries_prefix(cluster)}one.json",
)
OTHERS: tuple[Callable[[str], str], ...] = (
    lease_key,
    status_key,
    remediation_key,
    durations_key,
    pause_key,
    lambda cluster: drill_key(cluster, "one"),
)
PLACES = (*GUARDED, *OTHERS)
clusters = st.sampled_from(["demo", "other", "a"])


class TestAuthenticatedStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return opened(MemoryStore(), MASTERS)


@pytest.fixture
def raw() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(raw: MemoryStore) -> AuthenticatedStore:
    return opened(raw, MASTERS)


def read(raw: Store, key: str) -> bytes | None:
    stored = opened(raw, MASTERS).get(key)
    return None if stored is None else stored.data


@given(st.sampled_from(PLACES), clusters, st.binary(max_size=300))
def test_what_is_written_is_read_by_another_process(place: Callable[[str], str], cluster: str, content: bytes) -> None:
    raw = MemoryStore()
    opened(raw, MASTERS).put(place(cluster), content)

    assert read(raw, place(cluster)) == content


@given(st.sampled_from(PLACES), st.sampled_from(PLACES), clusters, clusters)
def test_nothing_is_taken_from_another_place(
    one: Callable[[str], str], two: Callable[[str], str], from_: str, to: str
) -> None:
    if (one, from_) == (two, to):
        return
    raw = MemoryStore()
    store = opened(raw, MASTERS)
    store.put(one(from_), b"one")
    store.put(two(to), b"two")
    raw.put(two(to), objects_of(raw)[one(from_)])

    with pytest.raises(IntegrityError, match=two(to)) as raised:
        read(raw, two(to))

    assert ("is of cluster" if from_ != to else "of the kind") in str(raised.value)


@given(st.sampled_from(PLACES), clusters, st.integers(0, 10_000), st.integers(1, 255))
def test_no_byte_can_be_changed(place: Callable[[str], str], cluster: str, at: int, by: int) -> None:
    raw = MemoryStore()
    opened(raw, MASTERS).put(place(cluster), b"content")
    data = bytearray(objects_of(raw)[place(cluster)])
    data[at % len(data)] ^= by
    raw.put(place(cluster), bytes(data))

    with pytest.raises(IntegrityError, match=place(cluster)):
        read(raw, place(cluster))


@pytest.mark.parametrize("place", PLACES)
def test_nothing_of_another_installation_is_taken(place: Callable[[str], str], raw: MemoryStore) -> None:
    key, other = place("demo"), MemoryStore()
    opened(other, MASTERS).put(key, b"staging")
    opened(raw, MASTERS).put(key, b"production")
    raw.put(key, objects_of(other)[key])

    with pytest.raises(IntegrityError, match=f"{key}.* is of the installation"):
        read(raw, key)


@pytest.mark.parametrize("place", GUARDED)
def test_an_older_object_is_refused_by_a_process_that_never_saw_the_newer_one(
    place: Callable[[str], str], raw: MemoryStore, store: AuthenticatedStore
) -> None:
    key = place("demo")
    store.put(key, b"old")
    before = objects_of(raw)[key]
    store.put(key, b"new")
    raw.put(key, before)

    with pytest.raises(IntegrityError, match=f"{key}.*an older one was put back.*windlass store accept demo"):
        read(raw, key)


@pytest.mark.parametrize("place", GUARDED)
def test_a_deleted_object_is_missed(place: Callable[[str], str], raw: MemoryStore, store: AuthenticatedStore) -> None:
    key = place("demo")
    store.put(key, b"here")
    raw.delete(key)

    with pytest.raises(LostObjectError, match=f"{key}.*is gone, and Windlass did not remove it"):
        read(raw, key)
    with pytest.raises(LostObjectError, match=key):
        list(opened(raw, MASTERS).list(key))


@pytest.mark.parametrize("place", GUARDED)
def test_what_windlass_removed_stays_removed_when_it_is_put_back(
    place: Callable[[str], str], raw: MemoryStore, store: AuthenticatedStore
) -> None:
    key = place("demo")
    store.put(key, b"once")
    before = objects_of(raw)[key]
    store.delete(key)
    raw.put(key, before)

    assert read(raw, key) is None
    assert store.create(key, b"anew") is not None
    assert read(raw, key) == b"anew"


@pytest.mark.parametrize("prefix", [host_keys_prefix, accepted_host_keys_prefix, recoveries_prefix])
def test_a_listing_misses_what_was_deleted(
    prefix: Callable[[str], str], raw: MemoryStore, store: AuthenticatedStore
) -> None:
    for name in ("one", "two"):
        store.put(prefix("demo") + name, b"x")
    raw.delete(f"{prefix('demo')}two")

    with pytest.raises(LostObjectError, match=f"{prefix('demo')}two"):
        list(opened(raw, MASTERS).list(prefix("demo")))


def test_a_cluster_without_its_ledger_is_refused(raw: MemoryStore, store: AuthenticatedStore) -> None:
    store.put(spec_key("demo"), b"x")
    raw.delete(ledger_place("demo").key)

    with pytest.raises(IntegrityError, match="has no ledger"):
        read(raw, spec_key("demo"))


def test_a_process_notices_that_the_ledger_was_put_back_with_all_of_its_objects(
    raw: MemoryStore, store: AuthenticatedStore
) -> None:
    store.put(spec_key("demo"), b"old")
    before = objects_of(raw)
    store.put(spec_key("demo"), b"new")
    put_back(raw, before)

    with pytest.raises(IntegrityError, match="an older one was put back"):
        store.get(spec_key("demo"))


def test_an_unguarded_object_may_be_of_a_clock_that_is_slow_but_not_of_long_ago(raw: MemoryStore) -> None:
    now = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
    key = status_key("demo")

    def write(at: datetime) -> None:
        AuthenticatedStore(raw, lambda: RecordKeys.of(MASTERS), lambda: at).put(key, b"{}")

    write(now)
    reader = opened(raw, MASTERS)
    assert reader.get(key) is not None
    write(now - timedelta(minutes=1))
    assert reader.get(key) is not None
    write(now - timedelta(minutes=6))
    with pytest.raises(IntegrityError, match=f"{key}.*an older one was put back"):
        reader.get(key)


def test_two_writers_of_one_object_leave_one_that_is_read(raw: MemoryStore) -> None:
    one, two = opened(raw, MASTERS), opened(raw, MASTERS)
    for content in (b"1", b"2", b"3"):
        one.put(spec_key("demo"), content)
        two.put(spec_key("demo"), content + content)
        two.put(pki_key("demo"), content)

    assert read(raw, spec_key("demo")) == b"33"
    assert one.get(spec_key("demo")) is not None


@pytest.mark.parametrize("deaths", range(8))
def test_a_writer_that_dies_anywhere_leaves_what_can_be_read_and_written(raw: MemoryStore, deaths: int) -> None:
    first = opened(raw, MASTERS)
    first.put(spec_key("demo"), b"old")

    class Mortal(MemoryStore):
        left = deaths

        def _write(self, key: str, data: bytes) -> None:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            super()._write(key, data)

    mortal = Mortal()
    mortal._objects, mortal._modified = raw._objects, raw._modified
    dying = opened(mortal, MASTERS)
    try:
        dying.put(spec_key("demo"), b"new")
        dying.create(f"{host_keys_prefix('demo')}w-1", b"key")
        dying.delete(spec_key("demo"))
        dying.put(spec_key("demo"), b"again")
    except KeyboardInterrupt:
        pass

    assert read(raw, spec_key("demo")) in {b"old", b"new", b"again", None}
    opened(raw, MASTERS).put(spec_key("demo"), b"last")
    assert read(raw, spec_key("demo")) == b"last"
    assert read(raw, f"{host_keys_prefix('demo')}w-1") in {b"key", None}


def test_the_stored_spec_cannot_be_read_in_the_bucket(raw: MemoryStore, store: AuthenticatedStore) -> None:
    ClusterRecords(store, "demo").save_spec("kind: Cluster # private\n")

    assert not [key for key, data in objects_of(raw).items() if b"private" in data]
    assert ClusterRecords(opened(raw, MASTERS), "demo").spec() == "kind: Cluster # private\n"


def test_all_master_keys_verify_and_the_first_signs(raw: MemoryStore) -> None:
    old = MASTERS.keys[0].key.reveal()
    opened(raw, MASTERS).put(spec_key("demo"), b"by the old key")
    rotated = new_keys(old)

    assert opened(raw, rotated).get(spec_key("demo")) is not None
    opened(raw, rotated).put(spec_key("demo"), b"by the new key")
    with pytest.raises(IntegrityError, match="not by a key of `windlass_master_key`"):
        read(raw, spec_key("demo"))


def test_a_reading_key_finds_a_new_store_empty_and_follows_who_writes_first(raw: MemoryStore) -> None:
    reading = RecordKeys.parse(RecordKeys.of(MASTERS).reading_text().reveal())
    reader = AuthenticatedStore(raw, lambda: reading)

    assert reader.get(spec_key("demo")) is None
    assert not list(reader.list(host_keys_prefix("demo")))
    assert not objects_of(raw)

    opened(raw, MASTERS).put(spec_key("demo"), b"spec")
    found = reader.get(spec_key("demo"))
    assert found is not None
    assert found.data == b"spec"


def test_a_reading_key_takes_a_store_of_before_for_no_new_one(raw: MemoryStore) -> None:
    raw.put(spec_key("other"), b"unsigned")
    reading = RecordKeys.parse(RecordKeys.of(MASTERS).reading_text().reveal())

    with pytest.raises(RefusedError, match="windlass store sign"):
        AuthenticatedStore(raw, lambda: reading).get(spec_key("demo"))


def test_a_reading_key_reads_all_of_it_and_writes_none_of_it(raw: MemoryStore, store: AuthenticatedStore) -> None:
    store.put(spec_key("demo"), b"spec")
    store.put(status_key("demo"), b"{}")
    reading = RecordKeys.parse(RecordKeys.of(MASTERS).reading_text().reveal())
    reader = AuthenticatedStore(raw, lambda: reading)

    assert [found.data for key in (spec_key, status_key) if (found := reader.get(key("demo")))] == [b"spec", b"{}"]
    with pytest.raises(RefusedError, match="only read here"):
        reader.put(status_key("demo"), b"{}")
    assert MASTERS.keys[0].key.reveal() not in RecordKeys.of(MASTERS).reading_text().reveal()


def test_a_record_key_writes_what_the_master_key_reads_and_opens_no_pki(raw: MemoryStore) -> None:
    given = RecordKeys.parse(RecordKeys.of(MASTERS).record_text().reveal())
    AuthenticatedStore(raw, lambda: given).put(spec_key("demo"), b"spec")
    sealed = seal_bytes(b"keys", MASTERS, pki_key("demo"))

    assert read(raw, spec_key("demo")) == b"spec"
    with pytest.raises(IntegrityError):
        unseal_bytes(sealed, given.sealing, pki_key("demo"))
    assert MASTERS.keys[0].key.reveal() not in RecordKeys.of(MASTERS).record_text().reveal()


@pytest.mark.parametrize("text", [None, "", "x", "bm90IGEga2V5"])
def test_what_is_no_reading_key_is_refused_and_not_shown(text: str | None) -> None:
    with pytest.raises(RefusedError, match="windlass store reading-key") as raised:
        RecordKeys.parse(text)

    assert not text or len(text) < 5 or text not in str(raised.value)


def test_without_any_key_pages_show_what_is_not_sealed(raw: MemoryStore, store: AuthenticatedStore) -> None:
    store.put(spec_key("demo"), b"spec")
    store.put(status_key("demo"), b'{"a": 1}')
    shown = UnverifiedStore(raw)

    assert ClusterRecords(shown, "demo").status() == {"a": 1}
    with pytest.raises(IntegrityError, match="windlass store reading-key"):
        shown.get(spec_key("demo"))
    with pytest.raises(RefusedError):
        shown.put(status_key("demo"), b"{}")


def test_leases_work_as_before(store: AuthenticatedStore) -> None:
    leases = Leases(store, lambda _: None, lambda: datetime.now(UTC))
    one, two = Owner("apply_cluster", "one"), Owner("apply_cluster", "two")
    leases.acquire("demo", one, "apply_cluster")

    with pytest.raises(RefusedError):
        leases.acquire("demo", two, "apply_cluster")
    assert leases.release("demo", one)
    assert leases.acquire("demo", two, "apply_cluster").owner == two


def test_published_digests_are_no_cluster_s_and_of_their_release(raw: MemoryStore, store: AuthenticatedStore) -> None:
    store.create(published_lock_key("v1.37.2"), b"digests")
    store.create(published_lock_key("v1.37.3"), b"others")
    raw.put(published_lock_key("v1.37.3"), objects_of(raw)[published_lock_key("v1.37.2")])

    with pytest.raises(IntegrityError, match="another object"):
        read(raw, published_lock_key("v1.37.3"))


def test_reading_asks_nothing_more_of_the_store_for_each_object(raw: MemoryStore, store: AuthenticatedStore) -> None:
    for place in PLACES:
        store.put(place("demo"), b"x")

    asked: list[str] = []

    class Counting(MemoryStore):
        def get(self, key: str) -> Stored | None:
            asked.append(key)
            return super().get(key)

    counting = Counting()
    counting._objects, counting._modified = raw._objects, raw._modified
    reader = opened(counting, MASTERS)
    for place in PLACES:
        reader.get(place("demo"))

    assert len(asked) == len(PLACES) + len({"installation", "ledger"})


def test_bundles_and_the_service_log_are_stored_as_they_are(raw: MemoryStore, store: AuthenticatedStore) -> None:
    for key in ("clusters/demo/log/2026/11/29/x.json", "clusters/demo/bundles/x/manifest.json", "spec-marks/demo"):
        assert place_of(key) is None
        store.put(key, b"as it is")
        assert objects_of(raw)[key] == b"as it is"
