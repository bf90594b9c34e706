"""A lease goes on while a phase works, and ends what the phase may do once it is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.lease import HEARTBEAT_EVERY, LEASE_LIFE, Owner
from windlass.effects.clock import Clock
from windlass.effects.store import GuardedStore, LeaseHold, Leases, MemoryStore, RunLease, Stored
from windlass.effects.store.keys import lease_key
from windlass.errors import LostLeaseError, RefusedError, UnreachableError

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
MINE, OTHER = Owner("upgrade_cluster", "one"), Owner("heal_cluster", "two")


class Away(MemoryStore):
    """A store that may not answer."""

    is_away = False

    def get(self, key: str) -> Stored | None:
        if self.is_away:
            raise UnreachableError("the store does not answer")
        return super().get(key)


@dataclass
class World:
    """A store, its clocks, and a phase whose heart beats when a test says so."""

    store: Away = field(default_factory=Away)
    time: datetime = NOW
    seconds: float = 0.0
    finished: dict[Owner, bool | None] = field(default_factory=dict)
    _due: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _waits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _beating: threading.Thread = field(default_factory=threading.current_thread)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.time, lambda: self.seconds, wait=self._wait)

    def lease(self, owner: Owner = MINE) -> RunLease:
        return RunLease(Leases(self.store, self.finished.get, lambda: self.time), "demo", owner)

    def pass_time(self, by: timedelta, *, monotonic: bool = True, wall: bool = True) -> None:
        self.seconds += by.total_seconds() if monotonic else 0
        self.time += by if wall else timedelta()

    def beat(self) -> None:
        """Let the time of a heartbeat pass, and wait until it is over; the last one ends the thread."""
        self.pass_time(HEARTBEAT_EVERY)
        self._waits.acquire(timeout=5)
        self._due.release()
        while not self._waits.acquire(timeout=0.005):
            if not self._beating.is_alive():
                return
        self._waits.release()

    @contextmanager
    def hold(self) -> Iterator[LeaseHold]:
        self.lease().acquire()
        with LeaseHold(self.lease(), self.clock) as hold:
            yield hold

    def _wait(self, ended: threading.Event, _: float) -> bool:
        self._beating = threading.current_thread()
        self._waits.release()
        while not self._due.acquire(timeout=0.005):
            if ended.is_set():
                return True
        return ended.is_set()


def hearts() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "windlass-heartbeat"]


def test_a_phase_that_works_for_longer_than_a_lease_lasts_keeps_it() -> None:
    world = World()
    with world.hold() as hold:
        for _ in range(3 * int(LEASE_LIFE / HEARTBEAT_EVERY)):
            world.beat()
        with pytest.raises(RefusedError, match="being changed by upgrade_cluster"):
            world.lease(OTHER).acquire()
        hold.check()


def test_nobody_beats_once_the_phase_is_over() -> None:
    world = World()
    with world.hold():
        assert len(hearts()) == 1
    assert hearts() == []
    world.pass_time(LEASE_LIFE)
    assert world.lease(OTHER).acquire().owner == OTHER


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nobody_beats_once_the_phase_has_failed(error: type[BaseException]) -> None:
    world = World()
    with pytest.raises(error), world.hold():
        raise error
    for heart in hearts():
        heart.join(5)
    assert hearts() == []


def test_a_run_without_the_lease_does_not_begin() -> None:
    world = World()
    world.lease(OTHER).acquire()
    with pytest.raises(LostLeaseError, match="heal_cluster"), LeaseHold(world.lease(), world.clock):
        raise AssertionError("it began")
    assert hearts() == []


def test_a_heartbeat_that_finds_the_lease_lost_ends_all_changes_and_names_who_has_it() -> None:
    world = World(finished={MINE: True})
    with world.hold() as hold:
        world.lease(OTHER).acquire()
        hold.check()  # nobody has told it yet
        world.beat()
        for attempt in (hold.check, hold.counter, lambda: hold.surpass("cp-1", 9)):
            with pytest.raises(LostLeaseError, match=r"heal_cluster \(run two\) does; nothing more is changed"):
                attempt()


def test_a_lease_that_was_given_back_meanwhile_is_not_taken_again() -> None:
    world = World()
    with world.hold() as hold:
        world.lease().release()
        world.beat()
        with pytest.raises(LostLeaseError, match="nobody does"):
            hold.check()
    last = world.lease().last()
    assert last is not None
    assert last.released


def test_a_lease_that_another_try_of_the_same_run_has_taken_up_again_is_lost_to_the_first() -> None:
    world = World()
    with world.hold() as hold:
        world.lease().release()
        world.pass_time(timedelta(seconds=1))
        world.lease().heartbeat()
        world.beat()
        with pytest.raises(LostLeaseError):
            hold.check()


def test_a_store_that_is_away_is_borne_until_the_lease_would_have_run_out() -> None:
    world = World()
    with world.hold() as hold:
        world.store.is_away = True
        for _ in range(int(LEASE_LIFE / HEARTBEAT_EVERY) - 1):
            world.beat()
            hold.check()
        world.beat()
        with pytest.raises(LostLeaseError, match=r"cannot tell whether it still holds.*08:00:00.*does not answer"):
            hold.check()

        world.store.is_away = False  # and nobody has taken it
        hold.check()
        world.beat()
        hold.check()


@pytest.mark.parametrize(("monotonic", "wall"), [(True, False), (False, True), (True, True)])
def test_a_worker_that_slept_past_the_end_of_its_lease_asks_before_it_changes_anything(
    *, monotonic: bool, wall: bool
) -> None:
    world = World(finished={MINE: True})
    with world.hold() as hold:
        world.lease(OTHER).acquire()
        world.pass_time(LEASE_LIFE, monotonic=monotonic, wall=wall)
        with pytest.raises(LostLeaseError, match="heal_cluster"):
            hold.check()


def test_a_worker_that_slept_and_that_nobody_has_followed_goes_on() -> None:
    world = World()
    with world.hold() as hold:
        world.pass_time(10 * LEASE_LIFE)
        hold.check()
        with pytest.raises(RefusedError):
            world.lease(OTHER).acquire()


def test_a_counter_that_the_store_has_lost_goes_on_above_what_hosts_have_seen() -> None:
    world = World()
    with world.hold() as hold:
        first = hold.counter()
        hold.surpass("cp-1", first + 40)
        hold.surpass("cp-2", first + 39)
        assert hold.counter() == first + 41
        world.beat()
        assert hold.counter() == first + 41
    world.lease().release()
    assert world.lease(OTHER).acquire().counter == first + 42


def test_a_run_that_a_host_refuses_by_right_is_told_both_counters_and_who_has_the_lease() -> None:
    world = World(finished={MINE: True})
    with world.hold() as hold:
        seen, mine = world.lease(OTHER).acquire().counter, hold.counter()
        with pytest.raises(
            LostLeaseError, match=rf"cp-1: .* has seen lease {seen} .* lease {mine}: .*; .*heal_cluster"
        ):
            hold.surpass("cp-1", seen)


WRITES: dict[str, Callable[[GuardedStore], object]] = {
    "put": lambda store: store.put("key", b"new"),
    "create": lambda store: store.create("other", b"new"),
    "replace": lambda store: store.replace("key", b"new", str(getattr(store.get("key"), "tag", ""))),
    "create_from": lambda store: store.create_from("other", BytesIO(b"new")),
    "delete": lambda store: store.delete("key"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_nothing_is_written_to_the_store_once_the_lease_is_lost(write: Callable[[GuardedStore], object]) -> None:
    world = World(finished={MINE: True})
    world.store.put("key", b"old")
    with world.hold() as hold:
        store = GuardedStore(world.store, hold.check)
        world.lease(OTHER).acquire()
        world.beat()
        with pytest.raises(LostLeaseError):
            write(store)
        assert store.get("key") == world.store.get("key")
    assert [one.key for one in world.store.list("")] == [lease_key("demo"), "key"]
    kept = world.store.get("key")
    assert kept is not None
    assert kept.data == b"old"


@given(steps=st.lists(st.sampled_from(["mine", "other", "release mine", "release other", "beat"]), max_size=30))
def test_the_counter_of_a_lease_never_goes_back_and_no_two_holdings_have_the_same(steps: list[str]) -> None:
    world = World(finished={MINE: True, OTHER: True})
    holdings: dict[int, tuple[Owner, datetime]] = {}
    highest = 0
    for step in steps:
        world.pass_time(timedelta(seconds=1))
        owner = OTHER if "other" in step else MINE
        if step in {"mine", "other"}:
            lease = world.lease(owner).acquire()
            assert lease.counter >= highest
            assert holdings.setdefault(lease.counter, (owner, lease.acquired)) == (owner, lease.acquired)
            highest = lease.counter
        elif step.startswith("release"):
            world.lease(owner).release()
        elif step == "beat" and (held := world.lease().current()) is not None and held.owner == MINE:
            assert world.lease().renew(held).counter == highest
