"""What people are told when a drill cannot be made, and who waits; drills themselves are tested elsewhere."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from unit.cluster_run import Alerts, FakeRun, attempt, held_by
from windlass.domain.backup import BundleId
from windlass.domain.lease import Owner
from windlass.errors import IntegrityError, SkippedError, UnreachableError, WaitingError, WindlassError
from windlass.operations.backup.drill_run import clear_after_drill, prove_bundle
from windlass.operations.backup.take import Stopwatch

BUNDLE = BundleId.parse("20261123T074500Z-r1042")
OTHER = Owner("restore_drill", "another")


@pytest.fixture
def run() -> FakeRun:
    made = FakeRun(Owner("restore_drill", "one"))
    made.bundles = Mock()
    return made


def prove(run: FakeRun, alerts: Alerts, **asked: Any) -> Any:
    return prove_bundle(run, attempt(alerts, **asked), BUNDLE, Stopwatch())


@pytest.mark.parametrize(
    ("error", "is_last", "is_told"),
    [
        (IntegrityError("its manifest is damaged"), False, True),
        (UnreachableError("the store is away"), False, False),
        (UnreachableError("the store is away"), True, True),
    ],
)
def test_a_drill_that_cannot_be_made_is_told_of_once(
    run: FakeRun, error: WindlassError, *, is_last: bool, is_told: bool
) -> None:
    run.bundles.manifest.side_effect = error
    alerts = Alerts()

    with pytest.raises(type(error)):
        prove(run, alerts, is_last=is_last)

    assert ([text for _, text in alerts] == [f"drill with bundle {BUNDLE} could not be made: {error}"]) is is_told
    assert run.drill_lease().current() is None


def test_one_drill_of_a_cluster_runs_at_a_time_and_a_person_waits_for_it(run: FakeRun) -> None:
    held_by(OTHER, run.drill_lease())
    alerts = Alerts()
    with pytest.raises(SkippedError, match="another drill runs"):
        prove(run, alerts)
    with pytest.raises(WaitingError, match="another drill runs"):
        prove(run, alerts, is_by_person=True)
    assert alerts == []


def test_what_another_drill_is_at_is_not_cleared_away(run: FakeRun) -> None:
    held_by(OTHER, run.drill_lease())
    told: list[str] = []
    assert clear_after_drill(run, told.append) == []
    assert told == ["another drill runs: restore_drill (run another)"]
    run.sessions.assert_not_called()
