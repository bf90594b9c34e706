"""Whoever answers for a mirror chooses nothing: what somebody accepted holds, whatever the mirror says later."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from unit.store.stores import new_keys, objects_of, opened, put_back, signed_before
from windlass.domain.accepted_lock import first_accepted, lock_digest
from windlass.domain.artifacts import Artifact, Lock, Locked, lock_text
from windlass.domain.authenticity.place import ledger_place
from windlass.effects.store import ClusterRecords, MemoryStore, ServiceLog, problems_of
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.effects.store.keys import accepted_lock_key, lock_key_of_before
from windlass.errors import IntegrityError, RefusedError, SpecError, UnreachableError
from windlass.mirror.acceptance import accept_offered, accepted_lock
from windlass.mirror.file_server import make_server
from windlass.mirror.published_kept import kept_published_lock
from windlass.operations.store_repair import StoreRepair

URL, OTHER_URL = "http://192.0.2.1:8080", "http://192.0.2.2:8080"
NOW = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
KUBELET = Artifact("file", "kubelet", "v1.37.2")
ETCD = Artifact("image", "etcd", "v3.7.3")


def lock_of(*digits: str, source: str = "modules") -> Lock:
    entries = zip((KUBELET, ETCD), digits, strict=False)
    return Lock(source, {one: Locked(f"sha256:{digit * 64}", 1, "build") for one, digit in entries})


HONEST, TAMPERED = lock_of("1", "2"), lock_of("1", "9")


class Mirror:
    """A mirror at a URL, which may offer another lock at any time."""

    def __init__(self, root: Path, server: ThreadingHTTPServer) -> None:
        self._file = root / "lock.json"
        self.url = f"http://127.0.0.1:{server.server_address[1]}"

    def offer(self, lock: Lock) -> None:
        self.offer_text(lock_text(lock))

    def offer_text(self, text: str) -> None:
        self._file.write_text(text)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    root = tmp_path / "served"
    root.mkdir()
    server = make_server(root, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield Mirror(root, server)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The mirrors of this machine, of which there are none."""
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mirror"


@pytest.fixture
def raw() -> MemoryStore:
    """The store as whoever has the bucket sees it."""
    return MemoryStore()


@pytest.fixture
def locks(cache: Path, raw: MemoryStore) -> AcceptedLocks:
    keys = new_keys()
    return AcceptedLocks(opened(raw, keys), keys)


def again(locks: AcceptedLocks, raw: MemoryStore) -> AcceptedLocks:
    """Return the locks as another process finds them: it remembers nothing."""
    return replace(locks, store=opened(raw, locks.keys))


def fill(cache: Path, lock: Lock) -> None:
    (cache / lock.source).mkdir(parents=True, exist_ok=True)
    (cache / lock.source / "lock.json").write_text(lock_text(lock))


def test_a_lock_that_nobody_accepted_does_not_hold_and_its_digest_is_told(mirror: Mirror, locks: AcceptedLocks) -> None:
    mirror.offer(HONEST)
    with pytest.raises(RefusedError, match="nobody has accepted its lock yet") as refused:
        accepted_lock(locks, mirror.url)
    assert f"windlass mirror accept {mirror.url} --digest {lock_digest(HONEST)}" in str(refused.value)
    assert locks.all() == ()


def test_what_was_filled_on_this_machine_is_accepted_at_the_first_use(
    mirror: Mirror, locks: AcceptedLocks, cache: Path
) -> None:
    fill(cache, HONEST)
    mirror.offer(HONEST)
    assert accepted_lock(locks, mirror.url) == HONEST


def test_another_lock_than_that_of_this_machine_is_not(mirror: Mirror, locks: AcceptedLocks, cache: Path) -> None:
    fill(cache, HONEST)
    mirror.offer(TAMPERED)
    with pytest.raises(RefusedError, match="was not made on this machine"):
        accepted_lock(locks, mirror.url)


def test_a_mirror_that_offers_another_lock_later_changes_nothing(
    mirror: Mirror, locks: AcceptedLocks, cache: Path
) -> None:
    locks.accept(mirror.url, HONEST, "ops")
    mirror.offer(TAMPERED)
    fill(cache, TAMPERED)  # not even where it was filled here: what holds is changed by a person
    assert accepted_lock(locks, mirror.url) == HONEST


def test_a_mirror_that_is_away_changes_nothing(locks: AcceptedLocks) -> None:
    locks.accept("http://127.0.0.1:9", HONEST, "ops")
    assert accepted_lock(locks, "http://127.0.0.1:9") == HONEST
    with pytest.raises(UnreachableError):
        accept_offered(locks, "http://127.0.0.1:9", lock_digest(HONEST), "ops")


def test_a_person_accepts_by_the_digest_and_what_was_decided_is_kept(mirror: Mirror, locks: AcceptedLocks) -> None:
    mirror.offer(HONEST)
    accept_offered(locks, mirror.url, lock_digest(HONEST), "ana@ops-1")
    mirror.offer(TAMPERED)
    with pytest.raises(RefusedError, match=r"image:etcd:v3\.7\.3: sha256:2{12} → sha256:9{12}"):
        accept_offered(locks, mirror.url, None, "ben@ops-1")
    with pytest.raises(RefusedError, match="it offers a lock with the digest"):
        accept_offered(locks, mirror.url, lock_digest(HONEST), "ben@ops-1")
    accept_offered(locks, mirror.url, lock_digest(TAMPERED), "ben@ops-1")

    (held,) = locks.all()
    assert accepted_lock(locks, mirror.url) == TAMPERED
    assert [(one.by, one.before, one.after) for one in held.history] == [
        ("ana@ops-1", "", lock_digest(HONEST)),
        ("ben@ops-1", lock_digest(HONEST), lock_digest(TAMPERED)),
    ]


def test_accepting_what_holds_changes_nothing(locks: AcceptedLocks) -> None:
    first = locks.accept("http://192.0.2.1:8080", HONEST, "ana")
    assert locks.accept("http://192.0.2.1:8080", HONEST, "ben") == first


@pytest.mark.parametrize(
    "entry", [{"digest": ["x"], "size": 1, "origin": "build"}, {"digest": "x", "size": "1", "origin": "build"}, {}, 1]
)
def test_a_mirror_that_offers_no_lock_changes_nothing(mirror: Mirror, locks: AcceptedLocks, entry: object) -> None:
    mirror.offer_text(json.dumps({"source": "modules", "artifacts": {"file:kubelet:v1": entry}}))
    with pytest.raises(IntegrityError, match="the mirror's lock is not readable"):
        accept_offered(locks, mirror.url, None, "ops")
    assert locks.all() == ()


def test_each_mirror_has_its_own_lock(locks: AcceptedLocks) -> None:
    official = lock_of("5", source="official")
    locks.accept("http://192.0.2.1:8080", HONEST, "ops")
    locks.accept("http://192.0.2.2:8080", official, "ops")
    assert accepted_lock(locks, "http://192.0.2.1:8080") == HONEST
    assert accepted_lock(locks, "http://192.0.2.2:8080") == official


def test_whoever_writes_to_the_store_chooses_no_lock(raw: MemoryStore, locks: AcceptedLocks) -> None:
    locks.accept(URL, HONEST, "ops")
    data = objects_of(raw)[accepted_lock_key(URL)]
    raw.put(accepted_lock_key(URL), data.replace(b"1" * 64, b"9" * 64))
    with pytest.raises(IntegrityError, match="its signature is not by a key"):
        accepted_lock(again(locks, raw), URL)
    raw.put(accepted_lock_key(URL), json.dumps(first_accepted(URL, TAMPERED, "x", NOW).document()).encode())
    with pytest.raises(IntegrityError, match="it is not signed"):
        accepted_lock(again(locks, raw), URL)


def test_one_mirrors_lock_does_not_count_for_another(raw: MemoryStore, locks: AcceptedLocks) -> None:
    locks.accept(URL, TAMPERED, "ops")
    raw.put(accepted_lock_key(OTHER_URL), objects_of(raw)[accepted_lock_key(URL)])
    with pytest.raises(IntegrityError, match="it is another object"):
        accepted_lock(again(locks, raw), OTHER_URL)


def test_a_lock_that_was_replaced_since_is_refused_where_it_was_put_back(
    raw: MemoryStore, locks: AcceptedLocks
) -> None:
    locks.accept(URL, TAMPERED, "ops")
    before = objects_of(raw)
    locks.accept(URL, HONEST, "ops")
    raw.put(accepted_lock_key(URL), before[accepted_lock_key(URL)])

    with pytest.raises(IntegrityError, match=r"an older one was put back.*windlass store accept --catalog"):
        accepted_lock(again(locks, raw), URL)
    with pytest.raises(IntegrityError, match="an older one was put back"):
        locks.accept(URL, HONEST, "ops")
    raw.put(ledger_place("").key, before[ledger_place("").key])
    with pytest.raises(IntegrityError, match="an older one was put back"):
        accepted_lock(locks, URL)  # a process that has read the newer ledger


@pytest.mark.parametrize("is_ledger_gone", [False, True])
def test_a_lock_that_was_deleted_is_not_accepted_again_by_itself(
    raw: MemoryStore, locks: AcceptedLocks, cache: Path, mirror: Mirror, *, is_ledger_gone: bool
) -> None:
    locks.accept(mirror.url, HONEST, "ops")
    fill(cache, TAMPERED)
    mirror.offer(TAMPERED)
    raw.delete(ledger_place("").key if is_ledger_gone else accepted_lock_key(mirror.url))

    with pytest.raises(IntegrityError, match="the catalog has no ledger" if is_ledger_gone else "it is gone"):
        accepted_lock(again(locks, raw), mirror.url)


def test_a_person_takes_what_was_put_back_and_all_clusters_hear_of_it(raw: MemoryStore, locks: AcceptedLocks) -> None:
    ClusterRecords(opened(raw, locks.keys), "demo").save_spec("spec: one\n")
    locks.accept(URL, TAMPERED, "ops")
    before = objects_of(raw)[accepted_lock_key(URL)]
    locks.accept(URL, HONEST, "ops")
    raw.put(accepted_lock_key(URL), before)

    accepted = StoreRepair(raw, locks.keys, "ben").accept("")

    assert [one.key for one in accepted] == [accepted_lock_key(URL)]
    assert accepted_lock(again(locks, raw), URL) == TAMPERED
    (event,) = ServiceLog(raw, "demo").newest()
    assert "the catalog was accepted as its newest state, by ben" in event.text
    assert problems_of(opened(raw, locks.keys), raw) == ()


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"document": 1, "signature": "x"}', b"\xff"])
@pytest.mark.parametrize("key", [accepted_lock_key(URL), lock_key_of_before(URL)])
def test_what_is_no_accepted_lock_is_refused_with_its_place(
    raw: MemoryStore, locks: AcceptedLocks, key: str, data: bytes
) -> None:
    opened(raw, locks.keys).put("clusters/demo/created.json", b"{}")  # the store has an installation
    raw.put(key, data)
    with pytest.raises(IntegrityError, match=rf"{key} in the store"):
        locks.find(URL)


def test_a_signed_document_of_another_form_is_refused(raw: MemoryStore, locks: AcceptedLocks) -> None:
    raw.put(lock_key_of_before(URL), signed_before({"mirror": 1}, lock_key_of_before(URL), locks.keys))
    with pytest.raises(IntegrityError, match="is not readable"):
        locks.find(URL)
    opened(raw, locks.keys).create(accepted_lock_key(URL), b'{"mirror": 1}')
    with pytest.raises(IntegrityError, match="is not readable"):
        again(locks, raw).find(URL)


def test_a_lock_that_an_earlier_release_kept_holds_and_is_guarded_from_then_on(
    raw: MemoryStore, locks: AcceptedLocks
) -> None:
    kept = first_accepted(URL, TAMPERED, "ana", NOW)
    old = {lock_key_of_before(URL): signed_before(kept.document(), lock_key_of_before(URL), locks.keys)}
    put_back(raw, old)
    assert locks.all() == (kept,)
    assert accepted_lock(locks, URL) == TAMPERED
    locks.accept(URL, HONEST, "ben")
    assert [one.by for one in again(locks, raw).all()[0].history] == ["ana", "ben"]

    raw.delete(accepted_lock_key(URL))
    with pytest.raises(IntegrityError, match="it is gone"):
        again(locks, raw).find(URL)
    StoreRepair(raw, locks.keys, "ben").accept("")
    assert again(locks, raw).find(URL) is None, "the lock of the earlier release holds again"


def test_a_lock_of_an_earlier_release_counts_for_its_own_mirror_and_its_own_master_key(
    raw: MemoryStore, locks: AcceptedLocks
) -> None:
    document = first_accepted(URL, TAMPERED, "ana", NOW).document()
    raw.put(lock_key_of_before(OTHER_URL), signed_before(document, lock_key_of_before(URL), locks.keys))
    with pytest.raises(IntegrityError, match="the signature is not by any of the master keys"):
        locks.find(OTHER_URL)
    raw.put(lock_key_of_before(OTHER_URL), signed_before(document, lock_key_of_before(OTHER_URL), locks.keys))
    with pytest.raises(IntegrityError, match="is of the mirror"):
        locks.find(OTHER_URL)


def test_a_lock_that_another_master_key_signed_still_holds(raw: MemoryStore, locks: AcceptedLocks) -> None:
    locks.accept("http://192.0.2.1:8080", HONEST, "ops")
    (old,) = locks.keys.keys
    keys = new_keys(old.key.reveal())
    assert accepted_lock(AcceptedLocks(opened(raw, keys), keys), "http://192.0.2.1:8080") == HONEST


def test_what_publishers_gave_holds_and_only_what_is_new_is_asked_for(locks: AcceptedLocks) -> None:
    answers = {KUBELET: "1", ETCD: "2"}

    def ask(wanted: object) -> Lock:
        entries = {one: Locked(f"sha256:{answers[one] * 64}", 0, "publisher") for one in wanted}  # type: ignore[attr-defined]
        return Lock("official", entries)

    first = kept_published_lock(locks, "v1.37.2", [KUBELET], ask)
    answers[KUBELET] = "9"
    both = kept_published_lock(locks, "v1.37.2", [KUBELET, ETCD], ask)
    assert both.digest(KUBELET) == first.digest(KUBELET) == f"sha256:{'1' * 64}"
    assert both.digest(ETCD) == f"sha256:{'2' * 64}"


def test_an_unsigned_lock_of_the_store_holds_only_if_the_publishers_say_the_same(locks: AcceptedLocks) -> None:
    key = "catalog/published/v1.37.2.json"
    locks.store.put(key, lock_text(lock_of("9", source="official")).encode())
    with pytest.raises(IntegrityError, match=rf"{key} in the store, which nobody signed, has other digests"):
        kept_published_lock(locks, "v1.37.2", [KUBELET], lambda _: lock_of("1", source="official"))
    locks.store.put(key, lock_text(lock_of("1", source="official")).encode())
    kept = kept_published_lock(locks, "v1.37.2", [KUBELET], lambda _: lock_of("1", source="official"))
    assert kept.digest(KUBELET) == f"sha256:{'1' * 64}"


def test_a_release_that_publishers_do_not_have_leaves_nothing_behind(locks: AcceptedLocks) -> None:
    def ask(_: object) -> Lock:
        raise SpecError("nobody says where it is published")

    with pytest.raises(SpecError):
        kept_published_lock(locks, "v1.37.2", [KUBELET], ask)
    assert locks.all() == ()
