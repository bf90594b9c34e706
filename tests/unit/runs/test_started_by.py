from __future__ import annotations

import pytest

from windlass.domain.started_by import is_started_by_person, put_off
from windlass.errors import NotReadyError, SkippedError

TYPES = {
    "manual": True,
    "scheduled": False,
    "asset_triggered": False,
    "asset_materialization": False,
    "operator_triggered": False,
    "backfill": False,
    "": False,
}


@pytest.mark.parametrize(("run_type", "is_by_person"), TYPES.items())
def test_only_a_manual_run_was_started_by_a_person(run_type: str, *, is_by_person: bool) -> None:
    assert is_started_by_person(run_type) is is_by_person


def test_who_asked_waits_and_what_a_schedule_started_is_skipped() -> None:
    assert isinstance(put_off("another runs", is_by_person=True), NotReadyError)
    assert isinstance(put_off("another runs", is_by_person=False), SkippedError)
