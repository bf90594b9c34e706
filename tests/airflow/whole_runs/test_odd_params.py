"""Params as a form sends them: fields that were left with spaces, names with one after them, empty lines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from windlass.errors import RefusedError, SpecError
from world import World
from world.specs import SMALL

BLANK = "  \n\n"
CHANGED = f'{SMALL}  components: {{kubelet: {{extraArgs: {{v: "3"}}}}}}\n'


@pytest.fixture(scope="module")
def world(new: Callable[[str], World]) -> World:
    made = new(SMALL)
    made.run("create_cluster", spec=SMALL)
    return made


@pytest.mark.parametrize("dag_id", ["create_cluster", "apply_cluster"])
def test_a_spec_of_nothing_but_spaces_is_the_stored_one(world: World, dag_id: str) -> None:
    before = world.state()

    run = world.run(dag_id, spec=BLANK)

    assert run.states["lease"] == "skipped"
    assert world.state() == before


def test_empty_lines_name_no_host_and_no_step(world: World) -> None:
    run = world.run("apply_cluster", gone=[""], accept_new_host_key=["", " "], stop_after=" ", plan_digest="")

    assert run.results["result"]["state"] == "nothing"
    assert world.run("delete_cluster", confirm_name="demo", gone=[""], plan_only=True).states["drain"] == "skipped"


def test_a_name_with_a_space_after_it_is_that_name(world: World) -> None:
    run = world.run("apply_cluster", spec=CHANGED, stop_after="cp-1 ", plan_only=True)

    assert [step["label"] for step in run.results["gate"]["steps"]] == ["host cp-1"]
    with pytest.raises(SpecError, match="gone: `w-1` is in the spec still"):
        world.run("apply_cluster", gone=["w-1 ", "w-1"])


def test_a_name_in_another_case_is_another_name_and_the_right_ones_are_told(world: World) -> None:
    with pytest.raises(SpecError, match=r"stop_after: `W-1` is no host \(cp-1, w-1\) and no step of the plan"):
        world.run("apply_cluster", spec=CHANGED, stop_after="W-1")
    with pytest.raises(RefusedError, match="needs its name in `confirm_name`, which says `Demo`"):
        world.run("delete_cluster", confirm_name="Demo")
    with pytest.raises(RefusedError, match="`gone` names W-1; the hosts of demo are cp-1, w-1"):
        world.run("delete_cluster", confirm_name="demo", gone=["W-1"])


def test_a_spec_with_another_name_is_told_both_ways_out(world: World) -> None:
    with pytest.raises(SpecError, match="put `demo` back, or give `other` as the run's cluster"):
        world.run("apply_cluster", spec=SMALL.replace("name: demo", "name: other"))


def test_the_lines_of_a_spec_keep_their_numbers(world: World) -> None:
    with pytest.raises(SpecError, match=r"spec:12: spec\.hosts\.memberz"):
        world.run("apply_cluster", spec="\n\n\n\n" + SMALL.replace("members:", "memberz:"))
