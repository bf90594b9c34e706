"""create_cluster and delete_cluster are killed before and after everything that they change.

A run that dies is followed by a whole one at every so many of the places only.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from world import World
from world.kills import Case, check_that_a_task_can_be_tried_again, check_that_the_next_run_makes_up
from world.specs import SMALL

CHANGED = f"""{SMALL}\
  components:
    kubelet: {{extraArgs: {{v: "3"}}}}
    kube-apiserver: {{extraArgs: {{v: "3"}}}}
  security: {{podSecurity: restricted}}
"""


def create(world: World) -> None:
    world.run("create_cluster", spec=SMALL)


CASES = {
    "create": Case(SMALL, "create_cluster", {"spec": SMALL}, stride=17),
    "apply a changed spec": Case(SMALL, "create_cluster", {"spec": CHANGED}, create, stride=13),
    "delete": Case(SMALL, "delete_cluster", {"confirm_name": "demo"}, create, goes_on=lambda world: world.is_known),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_task_that_dies_anywhere_and_is_tried_again_does_what_it_would_have_done(
    new: Callable[[str], World], case: Case
) -> None:
    check_that_a_task_can_be_tried_again(new(case.spec), case)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_run_that_dies_anywhere_is_made_up_for_by_the_next(new: Callable[[str], World], case: Case) -> None:
    check_that_the_next_run_makes_up(new(case.spec), case)
