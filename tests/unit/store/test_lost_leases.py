"""Whatever happens to several runs of one cluster, one that has lost its lease changes nothing more on hosts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.domain.lease import LEASE_LIFE, Lease, Owner
from windlass.domain.scripts.script import Script
from windlass.effects.clock import Clock
from windlass.effects.ssh.fake import FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import LeaseHold, Leases, MemoryStore, RunLease
from windlass.effects.store.keys import lease_key
from windlass.errors import RefusedError

BEGIN = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
HOSTS, RUNS = ("cp-1", "cp-2", "w-1"), 3


@dataclass
class Worker:
    """A run at work on a machine with clocks of its own, which stand still where its machine was suspended."""

    owner: Owner
    world: World
    late: timedelta = timedelta()
    holding: int = 0
    """Which of those that were granted it works under."""
    hold: LeaseHold | None = None
    hosts: Connections | None = None

    @property
    def clock(self) -> Clock:
        return Clock(self._now, self._seconds, wait=lambda ended, _: ended.wait())

    def _seconds(self) -> float:
        return (self._now() - BEGIN).total_seconds()

    def _now(self) -> datetime:
        return self.world.now - self.late

    @property
    def lease(self) -> RunLease:
        leases = Leases(self.world.store, lambda owner: owner in self.world.ended or None, self.clock.now)
        return RunLease(leases, "demo", self.owner)

    def begin(self) -> None:
        """Take the lease and begin a phase, as far as that is allowed."""
        self.end()
        self.lease.acquire()
        self.hold = LeaseHold(self.lease, self.clock)
        self.hold.__enter__()
        played = FakeHosts(self.world.hosts.values())
        self.hosts = Connections(played.targets(), played)
        self.hosts.guard_changes(self.hold)

    def end(self) -> None:
        if self.hold is not None:
            self.hold.__exit__(None, None, None)
        self.hold = self.hosts = None


@dataclass
class World:
    """A store, hosts, and runs of which Airflow thinks that some have ended."""

    store: MemoryStore = field(default_factory=MemoryStore)
    now: datetime = BEGIN
    ended: set[Owner] = field(default_factory=set)
    hosts: dict[str, FakeHost] = field(default_factory=lambda: {name: FakeHost(name) for name in HOSTS})
    changed_by: dict[str, int] = field(default_factory=dict)
    """The holding by which each host was changed last."""
    granted: list[tuple[Lease, datetime]] = field(default_factory=list)
    """All holdings of the lease, and when each was granted."""

    def __post_init__(self) -> None:
        for host in self.hosts.values():
            host.on_script("change")
        self.workers = [Worker(Owner("apply_cluster", str(number)), self) for number in range(RUNS)]


STEPS = st.one_of(
    st.tuples(st.sampled_from(["begin", "change", "release", "ends", "sleeps", "is frozen"]), st.integers(0, RUNS - 1)),
    st.tuples(st.sampled_from(["the store loses the lease"]), st.just(0)),
)


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(st.tuples(STEPS, st.sampled_from(HOSTS)), max_size=40))
def test_a_run_that_has_lost_its_lease_changes_nothing_that_another_has_and_nothing_at_all_once_it_can_tell(
    steps: list[tuple[tuple[str, int], str]],
) -> None:
    world = World()
    try:
        for (step, number), name in steps:
            world.now += timedelta(seconds=1)
            worker = world.workers[number]
            if step == "begin":
                _begin(world, worker)
            elif step == "change" and worker.hosts is not None:
                _change(world, worker, name)
            else:
                _happens(world, step, worker)
    finally:
        for worker in world.workers:
            worker.end()


def _begin(world: World, worker: Worker) -> None:
    worker.late = timedelta()  # somebody has set its clocks
    try:
        worker.begin()
    except RefusedError:
        return
    lease = worker.lease.last()
    assert lease is not None
    if not world.granted or not lease.is_same_holding(world.granted[-1][0]):
        world.granted.append((lease, world.now))
    worker.holding = len(world.granted)


def _happens(world: World, step: str, worker: Worker) -> None:
    match step:
        case "release":
            worker.lease.release()
        case "ends":
            world.ended.add(worker.owner)
        case "sleeps":  # its clocks go on
            world.now += LEASE_LIFE
        case "is frozen":  # its clocks do not
            world.now += LEASE_LIFE
            worker.late += LEASE_LIFE
        case "the store loses the lease":
            world.store.delete(lease_key("demo"))


def _change(world: World, worker: Worker, name: str) -> None:
    assert worker.hosts is not None
    mine, newest = worker.holding, len(world.granted)
    try:
        worker.hosts.get(name).run_script(Script("change", {}, "change"))
    except RefusedError:
        if mine == newest and worker.lease.current() is not None:
            raise  # by mistake
        return
    assert mine >= world.changed_by.get(name, 0), f"{name} was changed by holding {mine} after a later one"
    world.changed_by[name] = mine
    if mine < newest and worker.late == timedelta():
        _, lost = world.granted[mine]
        assert world.now - lost < LEASE_LIFE, f"{name} was changed by a run that had time to learn of its loss"
