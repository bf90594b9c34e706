"""Hosts that left while they did not answer: the watch finds the one that is back, and says when that is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unit.health.test_monitor_fleet import NOON, ROOT, logins, spec, until, watching
from windlass.domain.apply.created import CreatedRecord
from windlass.domain.catalog import Catalog
from windlass.domain.health import CheckReader, Kind
from windlass.domain.rollout.record import LeftHost
from windlass.domain.spec import load_cluster
from windlass.effects.catalog import load_catalog
from windlass.effects.probe.simulated import SimulatedWorld
from windlass.effects.store import ClusterRecords, MemoryStore
from windlass.operations.health import left_hosts
from windlass.operations.health.fleet import Fleet, Shard

HOST = (
    load_cluster(spec("demo"), "test").spec.hosts.members[3].model_copy(update={"name": "w-9", "address": "192.0.2.9"})
)
LEFT = LeftHost(HOST, "2026-11-29T10:00:00+00:00", "it did not answer")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(ROOT / "include" / "templates" / "kubernetes")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    monkeypatch.setattr(left_hosts, "EVERY_SECONDS", 0.1)
    made = MemoryStore()
    ClusterRecords(made, "demo").save_created(CreatedRecord(NOON, "a1"))
    ClusterRecords(made, "demo").save_left_hosts([LEFT])
    ClusterRecords(made, "demo").save_spec(spec("demo"))
    return made


def left_findings(store: MemoryStore) -> list[str]:
    status = ClusterRecords(store, "demo").status() or {"findings": []}
    return [one["component"] for one in status["findings"] if one["kind"] == Kind.LEFT_HOST.value]


async def test_one_that_is_back_is_found_until_it_is_clean(store: MemoryStore, catalog: Catalog) -> None:
    world = SimulatedWorld()
    world.kill("192.0.2.9")
    async with watching(store, catalog, world) as (monitor, found):
        await until(lambda: monitor.monitors and monitor.monitors[0].watch.is_healthy, "all is healthy")
        assert not found
        world.dead.discard("192.0.2.9")
        await until(lambda: found, "a finding")
        assert [(one.host, one.component, one.kind) for one in found] == [("", "w-9", Kind.LEFT_HOST)]
        assert "has left the cluster" in found[0].evidence
        await until(lambda: left_findings(store) == ["w-9"], "the status says so")
        ClusterRecords(store, "demo").save_left_hosts([])  # heal_cluster or an apply has cleaned it
        await until(lambda: not left_findings(store), "it is over")


async def test_what_a_watcher_before_has_found_is_over_once_nothing_is_left(
    store: MemoryStore, catalog: Catalog
) -> None:
    async with watching(store, catalog, SimulatedWorld()):
        await until(lambda: left_findings(store) == ["w-9"], "a finding")
    ClusterRecords(store, "demo").save_left_hosts([])
    async with watching(store, catalog, SimulatedWorld()):
        await until(lambda: not left_findings(store), "it is over")


def test_an_address_that_another_host_has_by_now_is_not_asked(store: MemoryStore, catalog: Catalog) -> None:
    fleet = Fleet(store, catalog, logins, Shard(), CheckReader())
    assert {name: one.address for name, one in fleet.watched("demo", spec("demo")).left.items()} == {"w-9": "192.0.2.9"}
    taken = HOST.model_copy(update={"address": "192.0.2.4"})
    ClusterRecords(store, "demo").save_left_hosts([replace(LEFT, host=taken)])
    assert not fleet.watched("demo", spec("demo")).left
