"""The summaries of clusters show what the store has, are read in few requests, and are no lie where they are old."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from unit.store.stores import CountingStore, new_keys
from windlass.domain.apply.created import CreatedRecord
from windlass.domain.backup.drills import Comparison, DrillRecord
from windlass.domain.cluster_summary import OperationTimes, Summary
from windlass.domain.lease import Owner
from windlass.domain.remediation import History
from windlass.domain.spec.overview import glance, standing
from windlass.effects.catalog import load_catalog
from windlass.effects.store import (
    AuthenticatedStore,
    ClusterRecords,
    Leases,
    MemoryStore,
    NotingStore,
    Store,
    Summarizer,
    noting_together,
    summarize,
)
from windlass.effects.store.keys import backup_lease_key, bundle_key, drill_key, lease_key, summaries_key
from windlass.effects.store.read_summaries import read_fleet
from windlass.effects.store.summaries import OBJECTS, SummaryObjects, object_of

ROOT = Path(__file__).resolve().parents[3]
SPEC = (ROOT / "include/clusters/ha-3-1.yaml").read_text()
NAME = next(line for line in SPEC.splitlines() if "name:" in line).split("name:")[1].strip(" {}")
MASTERS = new_keys()
NOW = datetime.now(UTC).replace(microsecond=0)
OLD, NEW = f"{NOW - timedelta(hours=2):%Y%m%dT%H%M%SZ}-r10", f"{NOW - timedelta(hours=1):%Y%m%dT%H%M%SZ}-r20"


@pytest.fixture
def raw() -> CountingStore:
    return CountingStore()


def writer_of(raw: MemoryStore) -> NotingStore:
    """A task's own store: another process would have one of its own, too."""
    inner = AuthenticatedStore.by(raw, MASTERS)
    return NotingStore(inner, Summarizer(inner))


def reader_of(raw: MemoryStore) -> Store:
    return AuthenticatedStore.by(raw, MASTERS)


def make(store: Store, name: str = NAME) -> ClusterRecords:
    records = ClusterRecords(store, name)
    records.save_spec(SPEC.replace(NAME, name))
    records.save_created(CreatedRecord(NOW, "a1"))
    return records


def status(observed: datetime = NOW, word: str = "healthy", host: str = "cp-1") -> dict[str, Any]:
    subject = {"host": host, "component": "etcd", "status": word, "since": NOW.isoformat(), "evidence": "why"}
    return {"observed": observed.isoformat(), "hosts": {host: True}, "subjects": [subject], "findings": []}


def only(raw: MemoryStore) -> Summary:
    fleet = read_fleet(reader_of(raw))
    assert fleet.others == ()
    (summary,) = fleet.summaries
    return summary


def test_what_operations_write_the_summary_shows(raw: CountingStore) -> None:
    store = writer_of(raw)
    records = make(store)
    assert (only(raw).is_created, standing(only(raw), NOW)) == (True, "not watched")
    records.save_status(status())
    assert standing(only(raw), NOW) == "healthy"
    leases = Leases(store, lambda _: None, lambda: NOW)
    owner = Owner("apply_cluster", "mine")
    leases.acquire(NAME, owner, "apply_cluster")
    store.summaries.flush()
    found = only(raw).lease
    assert found is not None
    assert found.owner == owner
    leases.release(NAME, owner)
    assert only(raw).lease is None
    records.save_repairs(History(alerts={"cp-1/etcd": "in vain"}))
    assert standing(only(raw), NOW) == "needs help"


def test_an_operation_that_begins_waits_for_no_summary(raw: CountingStore) -> None:
    store = writer_of(raw)
    make(store)
    Leases(store, lambda _: None, lambda: NOW).current(NAME)
    raw.asked.clear()
    Leases(store, lambda _: None, lambda: NOW).acquire(NAME, Owner("heal_cluster", "mine"), "heal_cluster")
    assert raw.asked == {"get": 1, "create": 1}
    for _ in range(500):
        if only(raw).lease:
            break
        threading.Event().wait(0.01)
    assert standing(only(raw), NOW) == "repairing"


def test_operations_that_have_ended_are_counted_with_how_long_they_took(raw: CountingStore) -> None:
    store = writer_of(raw)
    make(store)
    for seconds, key in ((60, lease_key), (20, lease_key), (5, backup_lease_key)):
        times = [NOW]
        leases = Leases(store, lambda _: None, lambda times=times: times[-1], key)
        owner = Owner("etcd_backup" if key is backup_lease_key else "apply_cluster", f"run-{seconds}")
        leases.acquire(NAME, owner, owner.dag_id)
        times.append(NOW + timedelta(seconds=seconds))
        leases.heartbeat(NAME, owner)
        leases.release(NAME, owner)
    told = only(raw).operations
    assert told == {"apply_cluster": OperationTimes(2, 80.0, 20.0), "etcd_backup": OperationTimes(1, 5.0, 5.0)}
    ClusterRecords(store, NAME).save_status(status())
    make(writer_of(raw))
    assert only(raw).operations == told


def test_backups_and_the_drill_that_proves_one_are_shown(raw: CountingStore) -> None:
    store = writer_of(raw)
    make(store)
    for one in (OLD, NEW):
        store.create(bundle_key(NAME, one, "manifest.json"), b"{}")
    drill = f"{OLD}.{NOW:%Y%m%dT%H%M%SZ}"
    record = DrillRecord(
        id=drill, cluster=NAME, bundle=OLD, host="w-1", by="me", started=NOW, finished=NOW,
        milliseconds={"total": 42_500}, comparisons=(Comparison(what="r", expected="1", found="1"),), failure="",
        disproves=False,
    )  # fmt: skip
    store.put(drill_key(NAME, drill), record.to_bytes(MASTERS))
    backups = only(raw).backups
    assert (backups.count, str(backups.newest), str(backups.proven)) == (2, NEW, OLD)
    assert backups.recovery_seconds == 42.5


def test_a_summary_survives_being_stored(raw: CountingStore) -> None:
    records = make(writer_of(raw))
    records.save_status({**status(), "certificates": [{"host": "cp-1", "kind": "certificates", "until": "x"}]})
    summary = only(raw)
    assert Summary.of(NAME, summary.value()) == summary
    catalog = load_catalog(ROOT / "include" / "templates" / "kubernetes")
    assert glance(summary, catalog, NOW)["services"] == {"healthy": 1, "wanted": 1}


def test_what_was_observed_long_ago_is_unknown(raw: CountingStore) -> None:
    make(writer_of(raw)).save_status(status(NOW - timedelta(hours=1)))
    catalog = load_catalog(ROOT / "include" / "templates" / "kubernetes")
    shown = glance(only(raw), catalog, NOW)
    assert shown["standing"] == "not watched"
    assert shown["services"] == {"healthy": 0, "wanted": 1}
    assert [host["services"]["etcd"]["status"] for host in shown["hosts"] if host["services"]] == ["unknown"]


def test_a_thousand_clusters_are_read_in_twenty_requests(raw: CountingStore) -> None:
    store = writer_of(raw)
    make(store, "c-0")
    pages: list[dict[str, Any]] = [{} for _ in range(OBJECTS)]
    entry = SummaryObjects(store.inner).known("c-0")
    marks = store.inner
    for number in range(1000):
        name = f"c-{number}"
        raw.put(f"clusters/{name}/spec.yaml", b"x")
        marks.put(f"spec-marks/{name}", b"x")
        tag = next(iter(item.tag for item in marks.list(f"spec-marks/{name}") if item.key.endswith(f"/{name}")))
        pages[object_of(name)][name] = {**(entry or {}), "mark": tag}
    objects = SummaryObjects(store.inner)
    objects.change((name for page in pages for name in page), lambda name, _: pages[object_of(name)][name])
    raw.asked.clear()

    fleet = read_fleet(reader_of(raw))

    assert (len(fleet.summaries), fleet.others) == (1000, ())
    assert raw.asked.total() <= 20, raw.asked


def test_what_has_not_changed_since_the_last_view_is_not_made_of_its_bytes_again(raw: CountingStore) -> None:
    store = writer_of(raw)
    others = [name for number in range(100) if object_of(name := f"c-{number}") != object_of(NAME)]
    make(store)
    make(store, others[0])
    before, other = only_named(raw, NAME), only_named(raw, others[0])
    ClusterRecords(store, NAME).save_status(status())
    assert only_named(raw, NAME) != before
    assert only_named(raw, others[0]) is other


def only_named(raw: MemoryStore, name: str) -> Summary:
    return next(one for one in read_fleet(reader_of(raw)).summaries if one.name == name)


def test_a_summary_of_another_spec_is_not_believed(raw: CountingStore) -> None:
    make(writer_of(raw))
    # By a process that notes nothing, or died before it had.
    ClusterRecords(reader_of(raw), NAME).save_spec(SPEC + "\n# another\n")
    fleet = read_fleet(reader_of(raw))
    assert (fleet.summaries, fleet.others) == ((), (NAME,))


def test_a_cluster_without_a_summary_is_read_from_its_own_objects(raw: CountingStore) -> None:
    make(reader_of(raw))
    assert read_fleet(reader_of(raw)).others == (NAME,)


def test_one_that_was_deleted_is_not_looked_for(raw: CountingStore) -> None:
    records = make(writer_of(raw))
    raw.put(f"clusters/{NAME}/log/2026/11/30/one.json", b"{}")
    records.forget(keep_backups=True)
    fleet = read_fleet(reader_of(raw))
    assert (fleet.summaries, fleet.others) == ((), ())
    make(writer_of(raw))
    assert only(raw).name == NAME, "made again"


@pytest.mark.parametrize("how", ["changed", "another's", "unsigned"])
def test_what_somebody_else_wrote_is_not_believed_and_makes_way(raw: CountingStore, how: str) -> None:
    records = make(writer_of(raw))
    key = summaries_key(object_of(NAME))
    stored = raw.get(key)
    wrong = {
        "changed": stored.data + b"x",
        "another's": stored.data.replace(b"summaries", b"summariez"),
        "unsigned": b"{}",
    }
    raw.put(key, wrong[how])
    assert read_fleet(reader_of(raw)).others == (NAME,)
    records = ClusterRecords(writer_of(raw), NAME)
    records.save_repairs(History(alerts={"a": "b"}))
    assert only(raw).alerts == {"a": "b"}


def test_nothing_in_the_bucket_tells_who_may_see_a_cluster(raw: CountingStore) -> None:
    store = writer_of(raw)
    records = ClusterRecords(store, NAME)
    records.save_spec(SPEC + "  access: {roles: {'user:anna': [operate]}}\n" if "access:" not in SPEC else SPEC)
    assert all(b"anna" not in raw.get(item.key).data for item in list(MemoryStore.list(raw, "")))
    assert "user:anna" in only(raw).access.roles


def test_no_operation_fails_because_a_summary_cannot_be_written(raw: CountingStore) -> None:
    raw.away = "summaries/"
    records = make(writer_of(raw))
    records.save_status(status())
    assert (records.status() or {})["hosts"] == {"cp-1": True}


def test_writers_that_meet_lose_nothing(raw: CountingStore) -> None:
    names = [f"c-{number}" for number in range(12)]
    threads = [threading.Thread(target=make, args=(writer_of(raw), name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fleet = read_fleet(reader_of(raw))
    assert sorted(one.name for one in fleet.summaries) == sorted(names)


def test_a_reading_that_began_earlier_does_not_put_back_what_is_newer(raw: CountingStore) -> None:
    inner = reader_of(raw)
    records = make(inner)
    Summarizer(inner, now=lambda: NOW).changed(NAME)
    records.save_repairs(History(alerts={"a": "b"}))
    Summarizer(inner, now=lambda: NOW - timedelta(seconds=5)).changed(NAME)
    assert only(raw).alerts == {}
    Summarizer(inner, now=lambda: NOW + timedelta(seconds=5)).changed(NAME)
    assert only(raw).alerts == {"a": "b"}


def test_observations_that_come_together_are_written_together(raw: CountingStore) -> None:
    for name in ("c-1", "c-2", "c-3"):
        make(writer_of(raw), name)
    watch = noting_together(writer_of(raw), 3600)
    assert isinstance(watch, NotingStore)
    for word in ("healthy", "unhealthy"):
        for name in ("c-1", "c-2", "c-3"):
            ClusterRecords(watch, name).save_status(status(word=word))
    raw.asked.clear()
    watch.summaries.flush()
    assert raw.asked["create"] == 0
    assert raw.asked["get"] <= 2 * OBJECTS, "no cluster is read again for an observation"
    fleet = read_fleet(reader_of(raw))
    assert {standing(one, NOW) for one in fleet.summaries} == {"ill"}


def test_a_change_of_health_is_written_soon_and_one_of_nothing_later(raw: CountingStore) -> None:
    make(writer_of(raw))
    watch = noting_together(writer_of(raw), 0.01)
    assert isinstance(watch, NotingStore)
    ClusterRecords(watch, NAME).save_status(status())
    for _ in range(500):
        if only(raw).status:
            break
        threading.Event().wait(0.01)
    assert standing(only(raw), NOW) == "healthy"
    ClusterRecords(watch, NAME).save_status(status(NOW + timedelta(minutes=2)))
    threading.Event().wait(0.1)
    assert only(raw).status["observed"] == NOW.isoformat()
    watch.summaries.flush()
    assert only(raw).status["observed"] == (NOW + timedelta(minutes=2)).isoformat()


def test_the_watch_reads_a_cluster_again_in_turn(raw: CountingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = reader_of(raw)
    records = make(inner)
    times = [NOW]
    watch = NotingStore(inner, Summarizer(inner, now=lambda: times[-1]))
    ClusterRecords(watch, NAME).save_status(status())
    records.save_repairs(History(alerts={"a": "b"}))  # by a process that died before it noted it
    ClusterRecords(watch, NAME).save_status(status(NOW + timedelta(minutes=1)))
    assert only(raw).alerts == {}
    times.append(NOW + summarize.READ_AGAIN_AFTER + timedelta(minutes=1))
    ClusterRecords(watch, NAME).save_status(status(NOW + timedelta(minutes=31)))
    assert only(raw).alerts == {"a": "b"}


def test_a_cluster_whose_spec_cannot_be_read_has_no_summary_and_holds_up_no_other(raw: CountingStore) -> None:
    store = writer_of(raw)
    make(store, "c-1")
    ClusterRecords(store, "c-2").save_spec("kind: [")
    fleet = read_fleet(reader_of(raw))
    assert [one.name for one in fleet.summaries] == ["c-1"]
    assert fleet.others == ("c-2",)
