"""Whole rollouts that a person approves: for one plan, and again if that has changed meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from windlass.airflow import approval
from windlass.cli.main import main
from windlass.domain.lease import Lease
from windlass.effects.store import ClusterRecords
from windlass.effects.store.keys import lease_key
from windlass.errors import RefusedError
from world import World
from world.cases.upgrades import BEFORE, NEW, create, runs_new

ASKED = {"version": NEW, "allow_untested": True}
FILE = "/etc/sysctl.d/90-windlass.conf"


class Person:
    """Approves whatever is asked, and notes what was asked; `meanwhile` is done before each answer."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[str] = []
        self.meanwhile: Callable[[int], None] = lambda _: None

    def answer(self, operator: Any, _: Any) -> dict[str, Any]:
        stored = self.world.store.get(lease_key(self.world.name))
        assert stored is None or Lease.from_bytes(stored.data).released, "nothing holds the lease while one is asked"
        self.asked.append(operator.task_id)
        self.meanwhile(len(self.asked))
        return {"chosen_options": ["Approve"]}


@pytest.fixture
def person(new: Callable[[str], World], monkeypatch: pytest.MonkeyPatch) -> Person:
    world = new(BEFORE)
    create(world)
    made = Person(world)

    def execute(operator: Any, context: Any) -> dict[str, Any]:
        return made.answer(operator, context)

    monkeypatch.setattr(approval.ApprovalOperator, "execute", execute)
    return made


def change_file(world: World, number: int) -> None:
    files = world.machines["w-1"].host.files
    files[FILE] = replace(files[FILE], content=f"# by hand: {number}\n".encode())


def test_an_approved_plan_that_has_not_changed_is_done_without_asking_again(person: Person) -> None:
    run = person.world.run("upgrade_cluster", **ASKED)

    assert person.asked == ["approval"]
    assert run.states["approve_changes"] == "skipped"
    assert run.results["result"]["state"] == "done"
    assert runs_new(person.world)


def test_a_plan_that_has_changed_since_it_was_approved_is_asked_about_again(person: Person) -> None:
    person.meanwhile = lambda number: change_file(person.world, number) if number == 1 else None

    run = person.world.run("upgrade_cluster", **ASKED)

    assert person.asked == ["approval", "approve_changes"]
    checked = run.results["check"]
    assert checked["changes"] == [
        "new: host w-1: w-1: kernel settings reloaded",
        f"new: host w-1: w-1: files: {FILE}",
    ]
    assert f"new: host w-1: w-1: files: {FILE}" in checked["question"]
    assert checked["plan"]["digest"] in checked["question"]
    assert checked["plan"]["digest"] != run.results["gate"]["plan"]["digest"]
    assert run.results["result"]["state"] == "done"
    assert runs_new(person.world)


def test_a_plan_that_changes_whenever_it_is_approved_is_not_done(person: Person) -> None:
    person.meanwhile = lambda number: change_file(person.world, number)
    before = person.world.state()

    with pytest.raises(
        RefusedError, match="has changed once more since it was approved, and nothing was begun"
    ) as told:
        person.world.run("upgrade_cluster", **ASKED)

    assert f"other contents: host w-1: w-1: files: {FILE}" in str(told.value)
    assert person.asked == ["approval", "approve_changes"]
    assert ClusterRecords(person.world.store, person.world.name).rollout() is None
    after = person.world.state()
    assert {name: one for name, one in after.items() if name == "cp-1"} == {"cp-1": before["cp-1"]}


def test_who_gives_the_digest_of_a_plan_gets_that_plan_or_none(person: Person) -> None:
    world = person.world
    digest = world.run("upgrade_cluster", **ASKED, plan_only=True).results["gate"]["plan"]["digest"]
    change_file(world, 1)
    with pytest.raises(RefusedError, match="another than the one that `plan_digest` names") as told:
        world.run("upgrade_cluster", **ASKED, auto_approve=True, plan_digest=digest)
    assert f"\n  w-1: files: {FILE}" in str(told.value)
    now = world.run("upgrade_cluster", **ASKED, plan_only=True).results["gate"]["plan"]["digest"]

    run = world.run("upgrade_cluster", **ASKED, auto_approve=True, plan_digest=now)

    assert run.results["result"]["state"] == "done"
    again = world.run("upgrade_cluster", **ASKED, auto_approve=True, plan_digest=now)
    assert again.results["result"]["state"] == "nothing"


def test_the_command_gives_the_text_and_the_json_of_the_run(person: Person, capsys: pytest.CaptureFixture[str]) -> None:
    gate = person.world.run("upgrade_cluster", **ASKED, plan_only=True).results["gate"]
    before = person.world.state()
    words = ["plan", person.world.name, "--to", NEW, "--allow-untested"]
    capsys.readouterr()

    assert main(words) == 0
    assert capsys.readouterr().out == f"{gate['text']}\n"
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == gate["plan"]
    assert main([*words, "--plan-digest", "0" * 64]) == 3
    assert main([*words, "--spec", "/nowhere.yaml"]) == 2
    assert person.world.state() == before


def test_a_plan_says_what_its_steps_took_last(person: Person) -> None:
    world = person.world
    first = world.run("upgrade_cluster", **ASKED, plan_only=True).results["gate"]["plan"]
    assert {step["last_seconds"] for step in first["steps"]} == {None}
    world.run("upgrade_cluster", **ASKED)
    change_file(world, 1)

    (step,) = world.run("upgrade_cluster", plan_only=True).results["gate"]["plan"]["steps"]

    assert step["label"] == "host w-1"
    assert step["last_seconds"] == ClusterRecords(world.store, world.name).durations().hosts["host"]["w-1"]


def test_a_plan_is_the_same_whether_certificates_are_still_to_be_issued_or_were(person: Person) -> None:
    world = person.world
    spec = f"{BEFORE}  api: {{extraNames: [api.example.com]}}\n"
    plans = [world.run("apply_cluster", spec=spec, plan_only=True).results["gate"]["plan"] for _ in range(2)]
    assert plans[0]["digest"] == plans[1]["digest"]
    assert any(
        "names +api.example.com" in line
        for step in plans[0]["steps"]
        for lines in step["remarks"].values()
        for line in lines
    )

    run = world.run("apply_cluster", spec=spec, auto_approve=True, plan_digest=plans[0]["digest"])

    assert run.results["result"]["state"] == "done"
    assert run.results["gate"]["plan"]["digest"] == plans[0]["digest"]
    assert run.states["check"] == "skipped"
    assert world.run("apply_cluster", plan_only=True).results["gate"]["plan"]["steps"] == []
