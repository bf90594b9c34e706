"""A store that was put back, swapped, or lost its PKI: hosts remember, and nothing new is made in its place."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from unit.cluster_run import FakeRun
from unit.store.stores import new_keys, objects_of, opened, put_back
from windlass.domain.apply.created import CreatedRecord
from windlass.domain.artifacts import Lock
from windlass.domain.lease import Owner
from windlass.domain.pki import Pki, issue_pki
from windlass.domain.sealing import MasterKeys
from windlass.domain.spec import Cluster
from windlass.effects.store import (
    Adoption,
    AuthenticatedStore,
    ClusterRecords,
    GuardedStore,
    MemoryStore,
    list_clusters,
)
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.effects.store.keys import cluster_prefix, pki_key, spec_key
from windlass.errors import IntegrityError, LostObjectError, RefusedError
from windlass.operations.apply.certificates import ensure_pki
from windlass.operations.store_repair import StoreRepair

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
MASTERS = new_keys()
CREATED = CreatedRecord(NOW, "a1")


def cluster() -> Cluster:
    members = [{"name": "cp-1", "address": "192.0.2.1", "roles": ["etcd", "control-plane", "worker"]}]
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": members}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return Cluster.model_validate(document)


@pytest.fixture(scope="module")
def pki() -> Pki:
    return issue_pki(cluster(), NOW)


@pytest.fixture
def raw() -> MemoryStore:
    return MemoryStore()


def records_of(raw: MemoryStore, masters: MasterKeys = MASTERS) -> ClusterRecords:
    return ClusterRecords(opened(raw, masters), "demo")


def filled(raw: MemoryStore, pki: Pki) -> ClusterRecords:
    records = records_of(raw)
    records.save_spec("spec: one\n")
    records.save_pki(pki, MASTERS)
    records.save_created(CREATED)
    return records


def host_copy(raw: MemoryStore) -> bytes:
    copy = records_of(raw).sealed_pki()
    assert copy is not None
    return copy


def marks_in(copy: bytes) -> str:
    """Return what the facts of a host that keeps this copy say of it."""
    return base64.b64encode(b"".join(copy.splitlines(keepends=True)[:3])).decode()


class StoreRun(FakeRun):
    """A run over a store that is checked."""

    def __init__(self, raw: MemoryStore) -> None:
        super().__init__(Owner("apply_cluster", "one"), cluster())
        self.keys, self.store = MASTERS, opened(raw, MASTERS)  # type: ignore[assignment]  # a store as good as another
        self.records = ClusterRecords(self.store, "demo")


def test_a_store_that_a_lease_guards_gives_hosts_the_same_marks_and_knows_them(raw: MemoryStore, pki: Pki) -> None:
    def guarded() -> ClusterRecords:
        return ClusterRecords(GuardedStore(opened(raw, MASTERS), lambda: None), "demo")

    filled(raw, pki)
    before = objects_of(raw)
    guarded().save_spec("spec: two\n")
    assert guarded().sealed_pki() == host_copy(raw) != guarded().store.get(pki_key("demo"))
    marks = marks_in(host_copy(raw))
    put_back(raw, before)
    with pytest.raises(IntegrityError, match="an older store was put back: cp-1"):
        guarded().check_host("cp-1", marks)


def test_the_copy_on_hosts_is_the_same_until_spec_or_pki_change(raw: MemoryStore, pki: Pki) -> None:
    records = filled(raw, pki)
    copy = host_copy(raw)
    records.save_created(CREATED)
    assert host_copy(raw) == copy
    assert records.open_pki(copy, MASTERS) == pki

    records.save_spec("spec: two\n")
    assert host_copy(raw) != copy
    records.check_host("cp-1", marks_in(copy))
    records.check_host("cp-1", marks_in(host_copy(raw)))
    records.check_host("cp-1", None)


@pytest.mark.parametrize("change", ["spec", "pki"])
def test_a_whole_store_that_was_put_back_is_refused_by_what_hosts_know(raw: MemoryStore, pki: Pki, change: str) -> None:
    records = filled(raw, pki)
    before = objects_of(raw)
    if change == "spec":
        records.save_spec("spec: two\n")
    else:
        records.save_pki(issue_pki(cluster(), NOW), MASTERS)
    marks = marks_in(host_copy(raw))
    put_back(raw, before)

    key = spec_key("demo") if change == "spec" else pki_key("demo")
    with pytest.raises(IntegrityError, match=f"{key}.*an older store was put back: cp-1.*windlass store accept demo"):
        records_of(raw).check_host("cp-1", marks)


def test_a_catalog_that_was_put_back_with_its_ledger_is_refused_by_what_hosts_know(raw: MemoryStore, pki: Pki) -> None:
    filled(raw, pki)
    locks = AcceptedLocks(opened(raw, MASTERS), MASTERS)
    locks.accept("http://192.0.2.9", Lock("modules", {}), "ops")
    before, older = objects_of(raw), marks_in(host_copy(raw))
    records = records_of(raw)
    records.check_host("cp-1", older)  # from then on this process knows that ledger
    locks.accept("http://192.0.2.9", Lock("official", {}), "ops")
    marks = marks_in(host_copy(raw))
    assert marks != older
    records.check_host("cp-1", marks)  # a host that was given the newer one meanwhile
    records.check_host("cp-1", older)
    put_back(raw, before, "catalog/")

    with pytest.raises(
        IntegrityError, match=r"catalog/ledger.json.*an older store was put back: cp-1.*accept --catalog"
    ):
        records_of(raw).check_host("cp-1", marks)
    put_back(raw, {}, "catalog/")
    with pytest.raises(IntegrityError, match="the store never had one"):
        records_of(raw).check_host("cp-1", marks)
    StoreRepair(raw, MASTERS, "ops").accept("")
    records_of(raw).check_host("cp-1", marks)


def test_a_store_that_lost_all_of_a_cluster_is_refused_by_what_hosts_know(raw: MemoryStore, pki: Pki) -> None:
    filled(raw, pki)
    marks = marks_in(host_copy(raw))
    put_back(raw, {}, cluster_prefix("demo"))

    with pytest.raises(IntegrityError, match="the store never had one"):
        records_of(raw).check_host("cp-1", marks)


def test_a_copy_of_another_installation_s_whole_store_is_refused_by_what_hosts_know(raw: MemoryStore, pki: Pki) -> None:
    filled(raw, pki)
    marks, staging = marks_in(host_copy(raw)), MemoryStore()
    filled(staging, pki)
    put_back(raw, objects_of(staging))

    with pytest.raises(IntegrityError, match=r"cp-1: cluster `demo` was set up .* swapped"):
        records_of(raw).check_host("cp-1", marks)


@pytest.mark.parametrize("said", ["", "x", "bm90aGluZw==", base64.b64encode(b'{"windlass": 1}\n{}\n{}\n').decode()])
def test_what_a_host_says_without_a_signature_counts_for_nothing(raw: MemoryStore, pki: Pki, said: str) -> None:
    filled(raw, pki).check_host("cp-1", said)


def test_a_host_s_marks_of_another_cluster_count_for_nothing(raw: MemoryStore, pki: Pki) -> None:
    other = ClusterRecords(opened(raw, MASTERS), "other")
    other.save_spec("spec: one\n")
    other.save_pki(pki, MASTERS)
    copy = other.sealed_pki()
    assert copy is not None

    filled(raw, pki).check_host("cp-1", marks_in(copy))


def test_no_new_authorities_are_made_where_the_pki_was_deleted(raw: MemoryStore, pki: Pki) -> None:
    filled(raw, pki)
    raw.delete(pki_key("demo"))

    with pytest.raises(LostObjectError, match=r"restore-pki demo FILE.*disaster_recovery"):
        ensure_pki(StoreRun(raw), cluster())
    assert raw.get(pki_key("demo")) is None


def test_no_new_authorities_are_made_where_nothing_is_signed_either(pki: Pki) -> None:
    run: Any = FakeRun(Owner("apply_cluster", "one"), cluster())
    run.records.save_created(CREATED)

    with pytest.raises(LostObjectError, match=r"restore-pki demo FILE.*disaster_recovery"):
        ensure_pki(run, cluster())


def test_authorities_are_made_for_a_cluster_that_never_came_up(raw: MemoryStore) -> None:
    made, copy = ensure_pki(StoreRun(raw), cluster())

    assert records_of(raw).open_pki(copy.content, MASTERS) == made


def test_a_lost_pki_is_put_back_from_a_host_s_copy(raw: MemoryStore, pki: Pki) -> None:
    filled(raw, pki)
    copy, repair = host_copy(raw), StoreRepair(raw, MASTERS, "ops")
    with pytest.raises(RefusedError, match="has a PKI"):
        repair.restore_pki(records_of(raw), copy)
    raw.delete(pki_key("demo"))

    repair.restore_pki(records_of(raw), copy)

    assert records_of(raw).pki(MASTERS) == pki
    records_of(raw).check_host("cp-1", marks_in(copy))


def test_a_recovery_takes_the_keys_of_its_bundle_where_the_store_lost_them(raw: MemoryStore, pki: Pki) -> None:
    filled(raw, pki)
    raw.delete(pki_key("demo"))
    records = records_of(raw)

    assert records.recoverable_pki(MASTERS) is None
    assert records.save_pki(pki, MASTERS)
    assert records.pki(MASTERS) == pki


def test_a_store_that_was_put_back_on_purpose_is_accepted_by_a_person_s_word(raw: MemoryStore, pki: Pki) -> None:
    records = filled(raw, pki)
    before = objects_of(raw)
    records.save_spec("spec: two\n")
    marks = marks_in(host_copy(raw))
    raw.put(spec_key("demo"), before[spec_key("demo")])

    accepted = StoreRepair(raw, MASTERS, "ops").accept("demo")

    assert [one.key for one in accepted] == [spec_key("demo")]
    assert records_of(raw).spec() == "spec: one\n"
    records_of(raw).check_host("cp-1", marks)


def test_what_is_missing_on_purpose_is_accepted_by_a_person_s_word(raw: MemoryStore, pki: Pki) -> None:
    filled(raw, pki)
    marks = marks_in(host_copy(raw))
    put_back(raw, {}, cluster_prefix("demo"))

    StoreRepair(raw, MASTERS, "ops").accept("demo")

    assert records_of(raw).spec() is None
    records_of(raw).check_host("cp-1", marks)


def test_accepting_takes_nothing_that_is_not_signed(raw: MemoryStore, pki: Pki) -> None:
    filled(raw, pki)
    raw.put(spec_key("demo"), b"spec: forged\n")

    with pytest.raises(IntegrityError, match="it is not signed"):
        Adoption(raw, MASTERS, lambda: NOW).accept("demo")


def test_a_deleted_cluster_may_be_made_again_under_its_name(raw: MemoryStore, pki: Pki) -> None:
    records = filled(raw, pki)
    old = objects_of(raw)
    marks = marks_in(host_copy(raw))
    records.forget(keep_backups=False)
    again = records_of(raw)
    assert (again.spec(), again.sealed_pki(), again.created()) == (None, None, None)

    put_back(raw, {key: data for key, data in old.items() if key in {spec_key("demo"), pki_key("demo")}}, "none")
    raw.put(pki_key("demo"), old[pki_key("demo")])
    assert records_of(raw).sealed_pki() is None, "the keys of the deleted cluster come back"
    again.save_spec("spec: again\n")
    again.save_pki(pki, MASTERS)
    again.check_host("cp-1", marks)


def test_a_store_that_is_not_checked_gives_hosts_the_pki_as_before(pki: Pki) -> None:
    records = ClusterRecords(MemoryStore(), "demo")
    records.save_pki(pki, MASTERS)
    stored = records.store.get(pki_key("demo"))

    assert stored is not None
    assert records.sealed_pki() == stored.data
    records.check_host("cp-1", "x")
    assert not isinstance(records.store, AuthenticatedStore)


def test_a_cluster_whose_spec_was_deleted_is_still_listed_and_one_that_was_removed_is_not(
    raw: MemoryStore, pki: Pki
) -> None:
    filled(raw, pki)
    ClusterRecords(opened(raw, MASTERS), "other").save_spec("spec: one\n")
    ClusterRecords(opened(raw, MASTERS), "other").forget(keep_backups=False)
    raw.delete(spec_key("demo"))

    assert list_clusters(opened(raw, MASTERS)) == ("demo",)
