from __future__ import annotations

from collections.abc import Mapping

import pytest

from windlass.domain.rollout.step_order import StepTurn, turn_of, undone_steps

RUNNING = {2: "running"}


@pytest.mark.parametrize(
    ("states", "number", "turn"),
    [
        ({}, 0, StepTurn.BEGIN),
        ({}, -1, StepTurn.BEGIN),
        ({0: "success", 1: "success", **RUNNING}, 2, StepTurn.BEGIN),
        ({0: "success", 1: "up_for_retry", **RUNNING}, 2, StepTurn.WAIT),
        (RUNNING, 2, StepTurn.WAIT),
        ({0: "failed", 1: "failed", **RUNNING}, 2, StepTurn.FAIL),
        ({0: "skipped", 1: "upstream_failed", **RUNNING}, 2, StepTurn.FAIL),
        ({0: "success", 1: "skipped", **RUNNING}, 2, StepTurn.SKIP),
    ],
)
def test_a_step_waits_for_all_before_it_and_is_done_after_none_that_failed_or_paused(
    states: Mapping[int, str | None], number: int, turn: StepTurn
) -> None:
    assert turn_of(states, number) is turn


def test_what_a_pause_has_kept_from_being_done_is_undone() -> None:
    assert undone_steps({0: "success", 1: "skipped", 12: "skipped", 13: None}) == {1, 12}
