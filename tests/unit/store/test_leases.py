from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.lease import LEASE_LIFE, Lease, LeaseDecision, Owner, beat, decide, grant
from windlass.effects.store import Leases, MemoryStore, Stored
from windlass.effects.store.keys import lease_key
from windlass.errors import IntegrityError, NotReadyError, RefusedError

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
FIRST, SECOND = Owner("create_cluster", "manual__1"), Owner("upgrade_cluster", "manual__2")
MINUTE = timedelta(minutes=1)


@dataclass
class World:
    """A clock that tests move, and what Airflow would say of each run (nothing: it cannot tell)."""

    now: datetime = NOW
    finished: Mapping[Owner, bool | None] = field(default_factory=dict)

    def leases(self, store: MemoryStore) -> Leases:
        return Leases(store, self.finished.get, lambda: self.now)


def test_the_second_run_is_refused_and_told_who_holds_the_lease() -> None:
    world = World(finished={FIRST: False})
    leases = world.leases(MemoryStore())
    leases.acquire("demo", FIRST, "create")
    with pytest.raises(RefusedError, match=r"create_cluster \(run manual__1\): create, since 08:00:00 UTC"):
        leases.acquire("demo", SECOND, "upgrade")
    assert leases.acquire("other", SECOND, "upgrade").owner == SECOND


def test_a_retried_task_keeps_the_lease_of_its_run() -> None:
    world = World()
    leases = world.leases(MemoryStore())
    leases.acquire("demo", FIRST, "create")
    world.now += MINUTE
    kept = leases.acquire("demo", FIRST, "create")
    assert (kept.acquired, kept.expires) == (NOW, NOW + MINUTE + LEASE_LIFE)


def test_an_unfinished_run_holds_the_lease_past_its_expiry() -> None:
    world = World(finished={FIRST: False})
    leases = world.leases(MemoryStore())
    leases.acquire("demo", FIRST, "create")
    world.now += 100 * LEASE_LIFE
    with pytest.raises(RefusedError):
        leases.acquire("demo", SECOND, "upgrade")


def test_a_finished_run_loses_the_lease_before_its_expiry() -> None:
    world = World(finished={FIRST: True})
    leases = world.leases(MemoryStore())
    leases.acquire("demo", FIRST, "create")
    assert leases.acquire("demo", SECOND, "upgrade").owner == SECOND


def test_a_lease_whose_run_has_ended_without_giving_it_back_keeps_nobody_away() -> None:
    world, store = World(finished={FIRST: False}), MemoryStore()
    assert world.leases(store).effective("demo") is None
    lease = world.leases(store).acquire("demo", FIRST, "create")
    assert world.leases(store).effective("demo") == lease

    world.finished = {FIRST: True}
    assert world.leases(store).effective("demo") is None

    world.finished = {}
    assert world.leases(store).effective("demo") == lease
    world.now += LEASE_LIFE
    assert world.leases(store).effective("demo") is None


def test_where_nobody_can_tell_expiry_decides() -> None:
    world = World()
    leases = world.leases(MemoryStore())
    leases.acquire("demo", FIRST, "create")
    world.now += LEASE_LIFE - timedelta(seconds=1)
    with pytest.raises(RefusedError):
        leases.acquire("demo", SECOND, "upgrade")
    world.now += timedelta(seconds=1)
    assert leases.acquire("demo", SECOND, "upgrade").owner == SECOND


def test_heartbeats_keep_a_lease_alive() -> None:
    world = World()
    leases = world.leases(MemoryStore())
    leases.acquire("demo", FIRST, "create")
    for _ in range(10):
        world.now += LEASE_LIFE / 2
        leases.heartbeat("demo", FIRST)
    with pytest.raises(RefusedError, match="last heard of at 08:50:00"):
        leases.acquire("demo", SECOND, "upgrade")


def test_who_lost_the_lease_learns_it_at_the_next_heartbeat() -> None:
    world = World(finished={FIRST: True})
    leases = world.leases(MemoryStore())
    leases.acquire("demo", FIRST, "create")
    leases.acquire("demo", SECOND, "upgrade")
    with pytest.raises(RefusedError, match="no longer holds the lease of cluster `demo`, upgrade_cluster"):
        leases.heartbeat("demo", FIRST)


def test_a_heartbeat_without_a_lease_is_refused() -> None:
    leases = World().leases(MemoryStore())
    with pytest.raises(RefusedError, match="nobody does"):
        leases.heartbeat("demo", FIRST)


def test_a_run_that_is_taken_up_again_has_its_lease_back() -> None:
    leases = World().leases(MemoryStore())
    leases.acquire("demo", FIRST, "create")
    leases.release("demo", FIRST)

    leases.heartbeat("demo", FIRST)

    with pytest.raises(RefusedError):
        leases.acquire("demo", SECOND, "upgrade")


def test_a_run_that_is_taken_up_again_after_another_had_its_turn_is_refused() -> None:
    leases = World().leases(MemoryStore())
    leases.acquire("demo", FIRST, "create")
    leases.release("demo", FIRST)
    leases.acquire("demo", SECOND, "upgrade")
    leases.release("demo", SECOND)

    with pytest.raises(RefusedError, match="nobody does"):
        leases.heartbeat("demo", FIRST)


def test_a_released_lease_is_free_at_once() -> None:
    leases = World(finished={FIRST: False}).leases(MemoryStore())
    leases.acquire("demo", FIRST, "create")
    assert leases.release("demo", FIRST)
    assert leases.current("demo") is None
    assert leases.acquire("demo", SECOND, "upgrade").owner == SECOND


def test_releasing_what_another_run_holds_changes_nothing() -> None:
    leases = World(finished={FIRST: True}).leases(MemoryStore())
    leases.acquire("demo", FIRST, "create")
    leases.acquire("demo", SECOND, "upgrade")
    assert not leases.release("demo", FIRST)
    holder = leases.current("demo")
    assert holder is not None
    assert holder.owner == SECOND


def test_releasing_twice_is_no_error() -> None:
    leases = World().leases(MemoryStore())
    leases.acquire("demo", FIRST, "create")
    assert leases.release("demo", FIRST)
    assert not leases.release("demo", FIRST)


class Interrupted(MemoryStore):
    """Lets another run take the lease between the reading and the writing."""

    def __init__(self, rival: Lease) -> None:
        super().__init__()
        self.rival: Lease | None = rival

    def get(self, key: str) -> Stored | None:
        stored = super().get(key)
        if self.rival is not None:
            super().put(key, self.rival.to_bytes())
            self.rival = None
        return stored


def test_who_loses_the_race_is_refused_by_the_winner() -> None:
    leases = World(finished={SECOND: False}).leases(Interrupted(grant(SECOND, "upgrade", NOW)))
    with pytest.raises(RefusedError, match="manual__2"):
        leases.acquire("demo", FIRST, "create")


class AnswerLost(MemoryStore):
    """Writes, but says it did not: the answer was lost, and the client's own retry met its first write."""

    def create(self, key: str, data: bytes) -> str | None:
        super().create(key, data)
        return None


def test_a_write_whose_answer_was_lost_is_found_to_have_won() -> None:
    leases = World().leases(AnswerLost())
    assert leases.acquire("demo", FIRST, "create").owner == FIRST


class NeverWrites(MemoryStore):
    def create(self, key: str, data: bytes) -> str | None:
        return None


def test_endless_races_end_as_not_ready() -> None:
    with pytest.raises(NotReadyError, match="changed 10 times"):
        World().leases(NeverWrites()).acquire("demo", FIRST, "create")


def test_a_damaged_lease_is_a_clear_error() -> None:
    store = MemoryStore()
    store.put(lease_key("demo"), b"{}")
    with pytest.raises(IntegrityError, match="lease in the store is not readable"):
        World().leases(store).acquire("demo", FIRST, "create")


def test_a_lease_survives_being_stored() -> None:
    lease = grant(FIRST, "create", NOW)
    assert Lease.from_bytes(lease.to_bytes()) == lease


def test_a_clock_that_goes_back_never_shortens_a_lease() -> None:
    lease = grant(FIRST, "create", NOW)
    assert beat(lease, NOW - MINUTE) == lease


@given(
    held=st.booleans(),
    released=st.booleans(),
    finished=st.sampled_from([True, False, None]),
    minutes=st.integers(-5, 20),
)
def test_two_runs_never_both_have_a_right_to_the_lease(
    *, held: bool, released: bool, finished: bool | None, minutes: int
) -> None:
    lease = grant(FIRST, "create", NOW) if held else None
    if lease is not None and released:
        lease = Lease(lease.owner, lease.operation, lease.acquired, lease.heartbeat, lease.expires, released=True)
    verdict = decide(lease, SECOND, holder_finished=finished, now=NOW + minutes * MINUTE)
    if lease is None or released:
        assert verdict is LeaseDecision.TAKE
    elif finished is False or (finished is None and minutes < 10):
        assert verdict is LeaseDecision.REFUSE
    else:
        assert verdict is LeaseDecision.TAKE_OVER


def test_a_lease_that_was_written_before_there_were_counters_is_read_and_counted_on_from() -> None:
    store, world = MemoryStore(), World(finished={FIRST: True})
    document = json.loads(grant(FIRST, "create", NOW).to_bytes())
    del document["counter"]
    store.put(lease_key("demo"), json.dumps(document).encode())

    assert world.leases(store).heartbeat("demo", FIRST).counter == 0
    assert world.leases(store).acquire("demo", SECOND, "upgrade").counter > 0


def test_each_holding_of_the_lease_has_a_higher_counter_however_the_one_before_ended() -> None:
    world = World(finished={FIRST: True, SECOND: True})
    leases = world.leases(MemoryStore())
    first = leases.acquire("demo", FIRST, "create").counter
    assert leases.acquire("demo", FIRST, "create").counter == first
    assert leases.heartbeat("demo", FIRST).counter == first
    leases.release("demo", FIRST)
    assert leases.acquire("demo", SECOND, "upgrade").counter == first + 1
    assert leases.acquire("demo", FIRST, "create").counter == first + 2
    leases.release("demo", FIRST)
    assert leases.heartbeat("demo", FIRST).counter == first + 3
    world.now -= 10 * MINUTE  # a clock that goes back counts on all the same
    assert leases.acquire("demo", SECOND, "upgrade").counter == first + 4


def test_a_store_that_has_lost_a_lease_does_not_count_anew() -> None:
    world, store = World(finished={FIRST: True}), MemoryStore()
    lost = world.leases(store).acquire("demo", FIRST, "create")
    store.delete(lease_key("demo"))
    world.now += timedelta(seconds=1)
    assert world.leases(store).acquire("demo", SECOND, "upgrade").counter > lost.counter
