"""A run that is suspended in the middle of a phase, and whose lease another takes, changes nothing more on hosts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from world import World
from world.cases import CASES
from world.takeover import check_that_a_process_without_the_lease_changes_no_host

WORKING = ("create", "apply a changed spec", "delete")


@pytest.mark.parametrize("is_frozen", [False, True], ids=["clocks go on", "clocks stand still"])
@pytest.mark.parametrize("name", WORKING)
def test_a_process_that_wakes_up_without_its_lease_changes_no_host(
    new: Callable[[str], World], name: str, *, is_frozen: bool
) -> None:
    case = CASES[name]
    check_that_a_process_without_the_lease_changes_no_host(new(case.spec), case, is_frozen=is_frozen)
