"""Every DAG is killed before and after everything that it changes; what comes of it is always the same.

A run that dies is followed by a whole one at every so many of the places only, which each case says.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from world import World
from world.cases import CASES
from world.kills import Case, check_that_a_task_can_be_tried_again, check_that_the_next_run_makes_up


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_task_that_dies_anywhere_and_is_tried_again_does_what_it_would_have_done(
    new: Callable[[str], World], case: Case
) -> None:
    check_that_a_task_can_be_tried_again(new(case.spec), case)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_run_that_dies_anywhere_is_made_up_for_by_the_next(new: Callable[[str], World], case: Case) -> None:
    check_that_the_next_run_makes_up(new(case.spec), case)
