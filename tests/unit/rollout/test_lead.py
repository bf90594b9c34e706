from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.rollout.lead import SETTLED, Lead, wrong_lead

BEGAN = datetime(2026, 11, 30, 12, tzinfo=UTC)
LONG = Lead("cp-1_x", BEGAN, BEGAN + timedelta(minutes=5))


def lease(**spec: Any) -> dict[str, Any]:
    times = {"acquireTime": "2026-11-30T12:00:00.000000Z", "renewTime": "2026-11-30T12:05:00.000000Z"}
    return {"spec": {"holderIdentity": "cp-1_x", **times, **spec}}


def test_a_lease_is_read_as_the_api_writes_it() -> None:
    assert Lead.of(lease()) == LONG


@pytest.mark.parametrize("found", [None, {}, {"spec": {}}, lease(holderIdentity=""), {"spec": {"holderIdentity": "a"}}])
def test_nobody_leads_by_a_lease_that_is_not_held(found: Any) -> None:
    assert Lead.of(found) is None
    assert wrong_lead(None, Lead.of(found)) == "no controller manager leads"


def test_a_leader_that_was_stopped_leads_by_its_lease_and_does_not_count() -> None:
    assert "has not said so since" in wrong_lead(LONG, LONG)


@given(st.timedeltas(timedelta(0), timedelta(seconds=20)))
def test_a_leader_that_has_just_come_counts_once_it_has_read_everything(led: timedelta) -> None:
    new = Lead("cp-2_y", BEGAN, BEGAN + led)
    assert bool(wrong_lead(LONG, new)) == (led < SETTLED)


def test_a_leader_that_says_so_again_leads() -> None:
    again = Lead(LONG.holder, LONG.since, LONG.renewed + timedelta(seconds=1))
    assert wrong_lead(LONG, again) == ""
