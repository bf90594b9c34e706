from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from windlass.domain.apply.created import CreatedRecord
from windlass.domain.pki import Pki, issue_pki, secrets
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.servicelog import Event, Tally, event_name, health_text
from windlass.domain.spec import Cluster
from windlass.effects.store import ClusterRecords, MemoryStore, ServiceLog, list_clusters
from windlass.effects.store.keys import cluster_prefix, created_key, spec_key
from windlass.errors import IntegrityError, SpecError

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
EVENT = Event(NOW, "create_cluster", "Created: 3 + 1 hosts", run_id="manual__1", details={"hosts": ["cp-1", "w-1"]})


@pytest.fixture(scope="module")
def pki() -> Pki:
    members = [{"name": "one", "address": "192.0.2.1", "roles": ["etcd", "control-plane", "worker"]}]
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": members}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return issue_pki(Cluster.model_validate(document), NOW)


def keys(*texts: str) -> MasterKeys:
    return MasterKeys.parse(",".join(texts) or new_master_key().reveal())


def test_the_pki_is_stored_sealed_and_comes_back(pki: Pki) -> None:
    store, master = MemoryStore(), keys()
    records = ClusterRecords(store, "demo")
    assert records.pki(master) is None
    assert records.save_pki(pki, master)
    assert records.pki(master) == pki
    sealed = records.sealed_pki()
    assert sealed is not None
    assert not [secret for secret in secrets(pki) if secret.encode() in sealed]
    assert records.open_pki(sealed, master) == pki


def test_storing_the_same_pki_again_writes_nothing(pki: Pki) -> None:
    store, master = MemoryStore(), keys()
    records = ClusterRecords(store, "demo")
    records.save_pki(pki, master)
    before = records.sealed_pki()
    assert not records.save_pki(pki, master)
    assert records.sealed_pki() == before
    assert records.save_pki(replace(pki, leaves={}), master)


def test_a_new_first_master_key_seals_the_pki_again(pki: Pki) -> None:
    store, old, new = MemoryStore(), new_master_key().reveal(), new_master_key().reveal()
    records = ClusterRecords(store, "demo")
    records.save_pki(pki, keys(old))
    assert records.save_pki(pki, keys(new, old))
    assert records.pki(keys(new)) == pki


def test_the_pki_of_one_cluster_does_not_open_as_that_of_another(pki: Pki) -> None:
    store, master = MemoryStore(), keys()
    ClusterRecords(store, "demo").save_pki(pki, master)
    sealed = ClusterRecords(store, "demo").sealed_pki()
    assert sealed is not None
    with pytest.raises(IntegrityError, match="another place"):
        ClusterRecords(store, "other").open_pki(sealed, master)


def test_a_spec_is_stored_once() -> None:
    store = MemoryStore()
    records = ClusterRecords(store, "demo")
    assert records.spec() is None
    assert records.save_spec("kind: Cluster")
    assert not records.save_spec("kind: Cluster")
    assert records.spec() == "kind: Cluster"


def test_clusters_are_those_with_a_spec() -> None:
    store = MemoryStore()
    for name in ("two", "one"):
        ClusterRecords(store, name).save_spec("kind: Cluster")
    store.put("clusters/leftover/log/2026/11/23/x.json", b"")
    assert list_clusters(store) == ("one", "two")


def test_a_cluster_is_being_created_until_it_was_verified_and_a_forgotten_one_is_no_longer_known() -> None:
    records = ClusterRecords(MemoryStore(), "demo")
    records.save_spec("kind: Cluster")
    assert records.created() is None
    records.save_created(CreatedRecord(NOW, "5fe2a19c40b3d877"))
    assert records.created() == CreatedRecord(NOW, "5fe2a19c40b3d877")
    assert created_key("demo") in records.forget(keep_backups=True)
    assert records.created() is None


def test_the_last_observation_comes_back() -> None:
    records = ClusterRecords(MemoryStore(), "demo")
    assert records.status() is None
    records.save_status({"healthy": True})
    assert records.status() == {"healthy": True}


def test_events_are_read_newest_first_over_days_and_years() -> None:
    log = ServiceLog(MemoryStore(), "demo")
    days = [NOW - timedelta(days=400), NOW - timedelta(days=1), NOW, NOW + timedelta(milliseconds=1)]
    for day in days:
        log.append(replace(EVENT, time=day), "create_cluster.manual__1")
    assert [event.time for event in log.newest(10)] == list(reversed(days))
    assert [event.time for event in log.newest(1)] == [days[-1]]


def test_the_same_event_is_written_once_and_another_beside_it() -> None:
    log = ServiceLog(MemoryStore(), "demo")
    first = log.append(EVENT, "writer")
    assert log.append(EVENT, "writer") == first
    second = log.append(replace(EVENT, text="Something else"), "writer")
    assert second != first
    assert len(log.newest()) == 2


def test_an_event_is_named_by_time_in_utc_writer_and_sequence() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5)))
    name = event_name(replace(EVENT, time=there), "heal/cluster run:1", 2)
    assert name == "2026/11/23/20261123T080000.000000Z-heal_cluster_run_1-0002.json"


def test_an_event_survives_being_stored() -> None:
    assert Event.from_bytes(EVENT.to_bytes()) == replace(EVENT, details={"hosts": ["cp-1", "w-1"]})


def test_fields_of_a_later_version_are_left_out() -> None:
    newer = EVENT.to_bytes()[:-1] + b', "mood": "good"}'
    assert Event.from_bytes(newer) == EVENT


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", EVENT.to_bytes().replace(b'"info"', b'"loud"')])
def test_a_damaged_record_is_a_clear_error(data: bytes) -> None:
    with pytest.raises(IntegrityError, match="service log"):
        Event.from_bytes(data)


def test_an_act_of_healing_reads_as_one_line() -> None:
    line = health_text(Tally(3, 2, recreated=1), "kube-apiserver", "cp-2", 3, ["cp-1", "cp-3", "w-1"])
    assert line == (
        "Requested 3, Healthy 2, Recreated 1: kube-apiserver on cp-2, 3 failed checks seen from cp-1, cp-3, w-1"
    )


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("created.json", ClusterRecords.created),
        ("remediation-waits.json", ClusterRecords.waiting),
        ("repairs.json", ClusterRecords.repairs),
        ("told-kubernetes.json", ClusterRecords.echoed),
        ("roll.json", ClusterRecords.rollout),
        ("left_hosts.json", ClusterRecords.left_hosts),
        ("pause.json", ClusterRecords.pause),
        ("durations.json", ClusterRecords.durations),
        ("status.json", ClusterRecords.status),
    ],
)
@pytest.mark.parametrize("data", [b"\xff", b"{", b"[1]", b'"text"'])
def test_a_record_that_windlass_did_not_write_is_an_error_of_its_own(
    name: str, read: Callable[[ClusterRecords], object], data: bytes
) -> None:
    store = MemoryStore()
    store.put(cluster_prefix("demo") + name, data)
    with pytest.raises(IntegrityError, match="in the store is not readable"):
        read(ClusterRecords(store, "demo"))


def test_a_spec_that_is_no_text_is_an_error_of_its_own() -> None:
    store = MemoryStore()
    store.put(spec_key("demo"), b"\xff")
    with pytest.raises(SpecError, match=r"stored spec of demo: .* `windlass store spec demo > FILE`"):
        ClusterRecords(store, "demo").spec()
