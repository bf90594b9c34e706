from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from windlass.domain.lease import Owner, grant
from windlass.domain.rollout.recent_plan import FRESH, PlanSeen, lease_mark

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
HELD = grant(Owner("heal_cluster", "one"), "heal_cluster", NOON)
RELEASED = replace(HELD, released=True)


@pytest.mark.parametrize("lease", [None, RELEASED])
def test_a_plan_holds_where_nobody_had_the_lease_meanwhile(lease: object) -> None:
    mark = lease_mark(lease)  # type: ignore[arg-type]
    assert PlanSeen(mark, NOON).holds(mark, NOON + timedelta(seconds=8))


def test_a_plan_that_was_made_while_somebody_held_the_lease_does_not_hold() -> None:
    assert not PlanSeen(lease_mark(HELD), NOON).holds(lease_mark(HELD), NOON)
    assert not PlanSeen(lease_mark(HELD), NOON).holds(lease_mark(RELEASED), NOON)


def test_a_plan_does_not_hold_once_another_run_had_the_lease() -> None:
    again = replace(RELEASED, acquired=NOON + timedelta(seconds=1), heartbeat=NOON + timedelta(seconds=2))
    assert not PlanSeen(lease_mark(RELEASED), NOON).holds(lease_mark(again), NOON + timedelta(seconds=3))
    assert not PlanSeen(lease_mark(None), NOON).holds(lease_mark(RELEASED), NOON + timedelta(seconds=3))


@pytest.mark.parametrize("age", [FRESH, timedelta(hours=1), timedelta(seconds=-1)])
def test_an_old_plan_does_not_hold(age: timedelta) -> None:
    assert not PlanSeen("nobody", NOON).holds("nobody", NOON + age)


def test_it_is_handed_on_as_plain_values() -> None:
    seen = PlanSeen(lease_mark(RELEASED), NOON)
    assert PlanSeen.of(seen.value()) == seen
