"""All clusters of a store watched in one event loop, over hosts in memory."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from windlass.domain.apply.created import CreatedRecord
from windlass.domain.backup.ids import BundleId
from windlass.domain.catalog import Catalog
from windlass.domain.health import CheckReader, Finding, Kind
from windlass.domain.health.host_report import assess
from windlass.domain.health.protocol import NO_NODES, NODES, ProbeMessage
from windlass.domain.lease import Owner, grant
from windlass.domain.spec import Cluster
from windlass.effects.catalog import load_catalog
from windlass.effects.probe.simulated import SimulatedWorld
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.store import ClusterRecords, MemoryStore, ServiceLog
from windlass.effects.store.contract import Stored
from windlass.effects.store.keys import bundle_key, delete_lease_key, lease_key, spec_key
from windlass.operations.health import announcer, backup_age, cluster_monitor
from windlass.operations.health.backup_age import BackupAgeMonitor
from windlass.operations.health.fleet import Fleet, NewestBundle, Shard
from windlass.operations.health.monitor import FleetMonitor, ReadPace
from windlass.operations.health.probe_channel import DEAF_SECONDS

ROOT = Path(__file__).parents[3]
SPEC = """
apiVersion: windlass/v1
kind: Cluster
metadata: {{name: {name}}}
spec:
  kubernetes: {{version: v1.37.2}}
  hosts:
    members:
      - {{name: cp-1, address: 192.0.{net}.1, roles: [etcd, control-plane]}}
      - {{name: cp-2, address: 192.0.{net}.2, roles: [etcd, control-plane]}}
      - {{name: cp-3, address: 192.0.{net}.3, roles: [etcd, control-plane]}}
      - {{name: w-1, address: 192.0.{net}.4, roles: [worker]}}
  health:
    kube-apiserver: {{intervalSeconds: 0.2, responseTimeoutSeconds: 0.2, initializingTimeoutSeconds: {grace}}}
    etcd: {{intervalSeconds: 0.2, responseTimeoutSeconds: 0.2}}
    kubelet: {{intervalSeconds: 0.2, responseTimeoutSeconds: 0.2}}
"""
LIMIT = 90.0
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def spec(name: str, net: int = 2, grace: float = 0.1) -> str:
    return SPEC.format(name=name, net=net, grace=grace)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(ROOT / "include" / "templates" / "kubernetes")


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    save(made, "demo", spec("demo"))
    return made


def save(store: MemoryStore, name: str, text: str) -> None:
    """Store a cluster that has come up."""
    records = ClusterRecords(store, name)
    records.save_spec(text)
    if records.created() is None:
        records.save_created(CreatedRecord(NOON, "a1"))


def logins(cluster: Cluster) -> list[SshTarget]:
    return [SshTarget(host.name, host.address, "ops", "") for host in cluster.spec.hosts.members]


@asynccontextmanager
async def watching(
    store: MemoryStore, catalog: Catalog, world: SimulatedWorld, shard: Shard | None = None
) -> AsyncIterator[tuple[FleetMonitor, list[Finding]]]:
    fleet = Fleet(store, catalog, logins, shard or Shard(), CheckReader())
    fleet_monitor = FleetMonitor(fleet, world, ReadPace(specs=0.1, reading=0.0))
    found: list[Finding] = []

    async def collect() -> None:
        async for findings in fleet_monitor.findings():
            found.extend(findings)

    task = asyncio.create_task(collect())
    try:
        yield fleet_monitor, found
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], object], what: str) -> None:
    try:
        async with asyncio.timeout(LIMIT):
            while not condition():  # noqa: ASYNC110 - the state of a whole poller has no event
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {LIMIT} s: {what}") from None


def statuses(store: MemoryStore, cluster: str = "demo") -> set[str]:
    status = ClusterRecords(store, cluster).status() or {"subjects": []}
    return {one["status"] for one in status["subjects"]}


async def test_finds_what_is_wrong_writes_it_down_and_its_end_too(store: MemoryStore, catalog: Catalog) -> None:
    world = SimulatedWorld()
    async with watching(store, catalog, world) as (_, found):
        await until(lambda: statuses(store) == {"healthy"}, "all is healthy")
        world.end("192.0.2.1", 6443)
        await until(lambda: found, "a finding")
        assert [(one.host, one.component, one.kind) for one in found] == [("cp-1", "kube-apiserver", Kind.PROCESS_DOWN)]
        await until(lambda: "unhealthy" in statuses(store), "the status says so")
        world.mend("192.0.2.1", 6443)
        await until(lambda: statuses(store) == {"healthy"}, "all is healthy again")
        await until(lambda: len(ServiceLog(store, "demo").newest()) >= 4, "the log")
    texts = [event.text for event in ServiceLog(store, "demo").newest()]
    assert any("kube-apiserver on cp-1 is unhealthy, it was healthy seen from" in text for text in texts)
    assert any(text.startswith("over: process down: kube-apiserver on cp-1") for text in texts)
    assert len(found) == 1


async def test_a_cluster_is_watched_from_the_moment_that_it_was_verified(catalog: Catalog) -> None:
    store, world = MemoryStore(), SimulatedWorld()
    records = ClusterRecords(store, "demo")
    records.save_spec(spec("demo"))
    fleet = Fleet(store, catalog, logins, Shard(), CheckReader())
    assert fleet.spec("demo") is None
    before = fleet.marks()
    async with watching(store, catalog, world) as (fleet_monitor, _):
        await until(lambda: fleet_monitor._reads, "it was looked at")
        assert fleet_monitor.monitors == ()
        records.save_created(CreatedRecord(NOON, "a1"))
        assert fleet.marks() != before, "so that it is read at once, however many there are"
        await until(lambda: fleet_monitor.monitors, "it is watched")


def test_findings_wait_while_a_cluster_is_to_be_deleted(store: MemoryStore, catalog: Catalog) -> None:
    fleet = Fleet(store, catalog, logins, Shard(), CheckReader())
    assert fleet.held_by("demo", NOON) is None
    store.put(delete_lease_key("demo"), grant(Owner("delete_cluster", "d"), "delete_cluster", NOON).to_bytes())
    assert fleet.held_by("demo", NOON) == "delete_cluster (run d)"
    assert fleet.held_by("demo", NOON + timedelta(minutes=11)) is None


async def test_clusters_come_and_go_and_change(store: MemoryStore, catalog: Catalog) -> None:
    world = SimulatedWorld()
    async with watching(store, catalog, world) as (fleet_monitor, _):
        await until(
            lambda: [cluster_monitor.cluster for cluster_monitor in fleet_monitor.monitors] == ["demo"], "the first"
        )
        save(store, "other", spec("other", 3))
        await until(lambda: len(fleet_monitor.monitors) == 2, "another one")
        save(store, "other", spec("other", 4))
        await until(lambda: "192.0.4.1" in fleet_monitor.monitors[1].watch.plan.hosts.values(), "its new addresses")
        ClusterRecords(store, "other").forget(keep_backups=True)
        await until(
            lambda: [cluster_monitor.cluster for cluster_monitor in fleet_monitor.monitors] == ["demo"], "it is gone"
        )


@pytest.mark.parametrize("status", [{"findings": [{"kind": "of a later version"}]}, {"subjects": [{}]}])
async def test_an_observation_that_cannot_be_read_ends_no_watch(
    store: MemoryStore, catalog: Catalog, status: dict[str, object]
) -> None:
    save(store, "other", spec("other", 3))
    ClusterRecords(store, "demo").save_status(status)
    async with watching(store, catalog, SimulatedWorld()) as (fleet_monitor, _):
        await until(lambda: statuses(store, "other") == {"healthy"}, "the other is seen")
        await until(lambda: fleet_monitor.monitors[0].watch.is_healthy, "this one too")
        assert [cluster_monitor.cluster for cluster_monitor in fleet_monitor.monitors] == ["demo", "other"]


async def test_a_watcher_that_starts_again_tells_nothing_twice(store: MemoryStore, catalog: Catalog) -> None:
    world = SimulatedWorld()
    async with watching(store, catalog, world) as (_, found):
        await until(lambda: statuses(store) == {"healthy"}, "all is healthy")
        world.end("192.0.2.1", 6443)
        await until(lambda: found and "unhealthy" in statuses(store), "a finding")
    async with watching(store, catalog, world) as (fleet_monitor, again):
        await until(lambda: fleet_monitor.monitors and not fleet_monitor.monitors[0].watch.is_calm, "it is seen again")
        world.mend("192.0.2.1", 6443)
        await until(lambda: statuses(store) == {"healthy"}, "all is healthy")
    assert again == []


async def test_what_is_open_for_long_is_announced_again(
    store: MemoryStore, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcer, "REMIND_SECONDS", 0.1)
    world = SimulatedWorld()
    async with watching(store, catalog, world) as (_, found):
        await until(lambda: statuses(store) == {"healthy"}, "all is healthy")
        world.end("192.0.2.1", 6443)
        await until(lambda: len(found) >= 3, "reminders")
    assert len({finding.id for finding in found}) == 1


async def test_findings_wait_for_planned_work_and_are_dropped_if_it_ends_well(
    store: MemoryStore, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcer, "HELD_SECONDS", 0.05)
    world = SimulatedWorld()
    lease = grant(Owner("upgrade_cluster", "manual"), "upgrade_cluster", datetime.now(UTC))
    store.put(lease_key("demo"), lease.to_bytes())
    async with watching(store, catalog, world) as (fleet_monitor, found):
        await until(lambda: statuses(store) == {"healthy"}, "all is healthy")
        world.end("192.0.2.1", 6443)
        await until(lambda: "unhealthy" in statuses(store), "it is seen")
        world.mend("192.0.2.1", 6443)
        await until(lambda: statuses(store) == {"healthy"}, "it is over")
        world.end("192.0.2.2", 6443)
        await until(lambda: fleet_monitor.monitors[0].watch.findings, "another is seen")
        assert found == []
        store.delete(lease_key("demo"))
        await until(lambda: found, "it is announced")
    assert [one.host for one in found] == ["cp-2"]


async def test_repair_itself_is_no_reason_to_wait(store: MemoryStore, catalog: Catalog) -> None:
    lease = grant(Owner("heal_cluster", "scheduled"), "heal_cluster", datetime.now(UTC))
    store.put(lease_key("demo"), lease.to_bytes())
    world = SimulatedWorld()
    async with watching(store, catalog, world) as (_, found):
        await until(lambda: statuses(store) == {"healthy"}, "all is healthy")
        world.end("192.0.2.1", 6443)
        await until(lambda: found, "a finding")


async def test_a_host_that_dies_is_one_finding_and_its_loop_starts_again(store: MemoryStore, catalog: Catalog) -> None:
    world = SimulatedWorld()
    async with watching(store, catalog, world) as (fleet_monitor, found):
        await until(lambda: statuses(store) == {"healthy"}, "all is healthy")
        world.kill("192.0.2.3")
        await until(lambda: found, "a finding")
        world.revive("192.0.2.3")
        await until(
            lambda: statuses(store) == {"healthy"} and not fleet_monitor.monitors[0].watch.findings, "it is over"
        )
        await until(lambda: len(found) > 1, "its end is told too")
    assert [(one.host, one.component, one.kind, one.is_over) for one in found] == [
        ("cp-3", "host", Kind.HOST_DOWN, False),
        ("cp-3", "host", Kind.HOST_DOWN, True),
    ]


async def test_one_spec_that_cannot_be_read_keeps_no_other_from_being_watched(
    store: MemoryStore, catalog: Catalog
) -> None:
    save(store, "broken", "kind: Cluster")
    async with watching(store, catalog, SimulatedWorld()) as (fleet_monitor, _):
        await until(
            lambda: [cluster_monitor.cluster for cluster_monitor in fleet_monitor.monitors] == ["demo"], "the good one"
        )


async def test_shards_share_all_clusters_out(store: MemoryStore, catalog: Catalog) -> None:
    names = [f"c-{number}" for number in range(40)]
    shares = [[name for name in names if Shard(index, 3).has(name)] for index in range(3)]
    assert sorted(name for share in shares for name in share) == sorted(names)
    assert all(shares)
    mine = next(index for index in range(3) if Shard(index, 3).has("demo"))
    async with watching(store, catalog, SimulatedWorld(), Shard(mine, 3)) as (fleet_monitor, _):
        await until(lambda: len(fleet_monitor.monitors) == 1, "its own")
    async with watching(store, catalog, SimulatedWorld(), Shard((mine + 1) % 3, 3)) as (fleet_monitor, _):
        await asyncio.sleep(0.3)
        assert fleet_monitor.monitors == ()


class Counting(MemoryStore):
    """Counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def get(self, key: str) -> Stored | None:
        self.asked[key.rpartition("/")[2]] += 1
        return super().get(key)


async def test_of_many_clusters_only_specs_that_changed_are_read_and_a_few_others_in_turn(catalog: Catalog) -> None:
    store, names = Counting(), [f"c-{number}" for number in range(12)]
    for number, name in enumerate(names):
        save(store, name, spec(name, number))
    fleet = Fleet(store, catalog, logins, Shard(), CheckReader())
    fleet_monitor = FleetMonitor(fleet, SimulatedWorld(), ReadPace(reading=0.0, rereads=2))
    await fleet_monitor._refresh_all(fleet.marks())
    try:
        assert len(fleet_monitor.monitors) == 12
        for cluster_monitor in fleet_monitor.monitors:
            for host in cluster_monitor.watch.plan.hosts:
                cluster_monitor.watch.heartbeats.message(host, time.monotonic())
        assert fleet_monitor._to_read(fleet.marks()) == ["c-0", "c-1"]
        before = store.asked["spec.yaml"]
        for _ in range(3):
            await fleet_monitor._refresh_all(fleet.marks())
        assert store.asked["spec.yaml"] - before == 6
        assert fleet_monitor._to_read(fleet.marks()) == ["c-4", "c-5"]
        save(store, "c-9", spec("c-9", 99))
        save(store, "new", spec("new", 98))
        assert fleet_monitor._to_read(fleet.marks()) == ["c-9", "new", "c-4", "c-5"]
        store.put(spec_key("c-10"), spec("c-10", 97).encode())  # by other means: its turn comes
        for _ in range(6):
            await fleet_monitor._refresh_all(fleet.marks())
        addresses = {
            cluster_monitor.cluster: cluster_monitor.watch.plan.hosts["cp-1"]
            for cluster_monitor in fleet_monitor.monitors
        }
        assert (addresses["c-9"], addresses["c-10"]) == ("192.0.99.1", "192.0.97.1")
    finally:
        for name in [cluster_monitor.cluster for cluster_monitor in fleet_monitor.monitors]:
            fleet_monitor._drop(name)


async def test_backups_that_do_not_come_any_more_are_found(
    store: MemoryStore, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_age, "EVERY_SECONDS", 0.05)
    store.put(bundle_key("demo", "20260101T000000Z-r7", "manifest.json"), b"{}")
    async with watching(store, catalog, SimulatedWorld()) as (_, found):
        await until(lambda: found, "a finding")
        assert [(one.host, one.component, one.kind) for one in found] == [("", "backup", Kind.BACKUP_OLD)]
        newest = BundleId.of(datetime.now(UTC), 8)
        store.put(bundle_key("demo", str(newest), "manifest.json"), b"{}")
        await until(lambda: not (ClusterRecords(store, "demo").status() or {"findings": [1]})["findings"], "it is over")


async def test_backups_that_never_came_are_found_when_the_first_is_overdue(
    store: MemoryStore, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_age, "EVERY_SECONDS", 0.05)
    async with watching(store, catalog, SimulatedWorld()) as (_, found):
        await until(lambda: statuses(store) == {"healthy"}, "all is healthy")
        assert found == []
    store._modified[spec_key("demo")] -= timedelta(days=2)
    async with watching(store, catalog, SimulatedWorld()) as (_, found):
        await until(lambda: found, "a finding")
        assert [(one.host, one.component, one.kind) for one in found] == [("", "backup", Kind.BACKUP_OLD)]
        assert found[0].evidence.startswith("no bundle has ever come, 2 days")
        store.put(bundle_key("demo", str(BundleId.of(datetime.now(UTC), 8)), "manifest.json"), b"{}")
        await until(lambda: not (ClusterRecords(store, "demo").status() or {"findings": [1]})["findings"], "it is over")


async def test_the_store_is_not_asked_again_while_the_newest_bundle_is_young(
    store: MemoryStore, catalog: Catalog
) -> None:
    asked: list[str] = []

    async def ask(cluster: str) -> NewestBundle:
        asked.append(cluster)
        return NewestBundle(NOON)

    watched = Fleet(store, catalog, logins, Shard(), CheckReader()).watched("demo", spec("demo"))
    watch = BackupAgeMonitor(ask)
    reports = [await watch.report(watched, 60.0 * minute, NOON + timedelta(minutes=minute)) for minute in range(12)]
    assert all(report is not None and assess(report) is None for report in reports)
    assert len(asked) == 1
    assert await watch.report(watched, 60.0 * 11.5, NOON) is None
    late = await watch.report(watched, 60.0 * 2000, NOON + timedelta(minutes=2000))
    assert late is not None
    assert assess(late) is not None
    assert len(asked) == 2


async def test_old_backups_are_no_finding_any_more_once_none_are_to_be_taken(
    store: MemoryStore, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_age, "EVERY_SECONDS", 0.05)
    store.put(bundle_key("demo", "20260101T000000Z-r7", "manifest.json"), b"{}")
    async with watching(store, catalog, SimulatedWorld()) as (_, found):
        await until(lambda: found, "a finding")
        save(store, "demo", spec("demo") + "  backup: {schedule: null}\n")
        await until(lambda: not (ClusterRecords(store, "demo").status() or {"findings": [1]})["findings"], "it is over")


async def test_a_line_over_which_nothing_comes_is_dropped_and_dialled_again(
    store: MemoryStore, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = SimulatedWorld()
    async with watching(store, catalog, world) as (fleet_monitor, _):
        await until(lambda: statuses(store) == {"healthy"}, "all is healthy")
        dead = world.lines["192.0.2.2"]
        monkeypatch.setattr(dead, "say", lambda *_: None)  # as if packets were lost: no end is ever told
        channel, cluster_monitor = fleet_monitor.monitors[0]._channels["cp-2"], fleet_monitor.monitors[0]
        channel._heard -= DEAF_SECONDS + 1
        cluster_monitor.tick(is_airflow_cut=True)
        assert channel._line is dead
        channel._heard -= DEAF_SECONDS + 1
        cluster_monitor.forgive()
        cluster_monitor.tick(is_airflow_cut=False)
        assert channel._line is dead
        channel._heard -= DEAF_SECONDS + 1
        await until(lambda: world.lines["192.0.2.2"] is not dead, "another line")
        assert dead._is_closed
        await until(lambda: len(cluster_monitor.watch.heartbeats.heard(time.monotonic())) == 4, "all are heard again")


async def test_another_host_tells_of_nodes_while_the_first_is_silent_or_sees_none(
    store: MemoryStore, catalog: Catalog
) -> None:
    world = SimulatedWorld()
    async with watching(store, catalog, world) as (fleet_monitor, found):
        await until(lambda: statuses(store) == {"healthy"}, "all is healthy")
        cluster_monitor = fleet_monitor.monitors[0]
        first = cluster_monitor._reporter.host
        said: dict[str, list[str]] = {host: [] for host in cluster_monitor.watch.plan.hosts}
        for host, address in cluster_monitor.watch.plan.hosts.items():
            world.lines[address].write = said[host].append  # type: ignore[method-assign]
        cluster_monitor.watch.heartbeats.failed(first, "its channel ended", time.monotonic())
        cluster_monitor.tick(is_airflow_cut=False)
        second = cluster_monitor._reporter.host
        assert second != first
        assert (said[first][-1], said[second][-1]) == (NO_NODES, NODES)
        for _ in range(2):
            cluster_monitor._message(second, ProbeMessage(time.monotonic(), "node", ("w-1", "NotReady")))
        await until(lambda: found, "a finding")
        assert [(one.host, one.kind) for one in found] == [("w-1", Kind.NODE_NOT_READY)]
        cluster_monitor._message(second, ProbeMessage(time.monotonic(), "nodes", ("blind",)))
        assert cluster_monitor._reporter.host not in {second, "w-1"}
        assert said[cluster_monitor._reporter.host][-1] == NODES


async def test_what_was_told_too_late_is_asked_for_again(store: MemoryStore, catalog: Catalog) -> None:
    world = SimulatedWorld()
    async with watching(store, catalog, world) as (fleet_monitor, found):
        await until(lambda: statuses(store) == {"healthy"}, "all is healthy")
        cluster_monitor = fleet_monitor.monitors[0]
        subject, vantage = next(
            (one, host)
            for host in cluster_monitor.watch.plan.hosts
            for one in cluster_monitor.watch.watched_by(host)
            if one.component == "kube-apiserver" and one.host == "cp-1"
        )
        line = world.lines[cluster_monitor.watch.plan.hosts[vantage]]
        said: list[str] = []
        line.write = said.append  # type: ignore[method-assign]
        for late in (40, 30, 20):
            cluster_monitor._message(
                vantage, ProbeMessage(time.monotonic() - late, "look", ("cp-1/kube-apiserver", "refused"))
            )
        assert said == ["watch\tcp-1/kube-apiserver\n"]
        cluster_monitor._message(
            vantage, ProbeMessage(time.monotonic() - 20, "look", ("cp-1/no-such-thing", "refused"))
        )
        assert (len(said), found, cluster_monitor.watch.findings) == (1, [], ())
        assert subject.host == "cp-1"


async def test_a_status_is_of_now_also_after_the_clock_was_set(
    store: MemoryStore, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(store, catalog, SimulatedWorld()) as (fleet_monitor, _):
        await until(lambda: statuses(store) == {"healthy"}, "all is healthy")
        watch = fleet_monitor.monitors[0].watch
        ahead = timedelta(minutes=6)

        def origin(now: float) -> datetime:
            return datetime.now(UTC) + ahead - timedelta(seconds=now)

        monkeypatch.setattr(cluster_monitor, "_origin", origin)

        def is_of_then() -> bool:
            observed = datetime.fromisoformat(watch.status(time.monotonic())["observed"])
            return observed > datetime.now(UTC) + ahead - timedelta(minutes=1)

        await until(is_of_then, "the new time")


async def test_a_heartbeat_that_was_held_up_on_its_way_says_nothing_about_a_clock(
    store: MemoryStore, catalog: Catalog
) -> None:
    async with watching(store, catalog, SimulatedWorld()) as (fleet_monitor, found):
        await until(lambda: statuses(store) == {"healthy"}, "all is healthy")
        cluster_monitor = fleet_monitor.monitors[0]
        for late in (50, 40, 30, 20, 10):
            cluster_monitor._message(
                "cp-1", ProbeMessage(time.monotonic() - late, "beat", (f"{time.time() - late:.3f}",))
            )
        assert cluster_monitor.watch.findings == ()
        assert found == []
