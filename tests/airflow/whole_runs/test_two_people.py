"""Where the stored spec wants two people, nobody changes, recovers or deletes a cluster alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput

from windlass.airflow import approval
from windlass.effects.store import ClusterRecords
from windlass.effects.store.keys import bundles_prefix
from windlass.errors import LostObjectError, RefusedError
from world import World
from world.runs import Run
from world.specs import SMALL

BOTH = f"{SMALL}  upgrade: {{approval: two-people}}\n  recovery: {{approval: two-people}}\n"
RECOVERY = f"{SMALL}  recovery: {{approval: two-people}}\n"
AUTOMATIC = f"{SMALL}  upgrade: {{approval: automatic}}\n  recovery: {{approval: automatic}}\n"
OPEN = "{approval: two-people, windows: [daily 00:00-12:00, daily 12:00-00:00]}"
CHANGED = BOTH.replace("front", "back")
REFUSED = (RefusedError, AirflowFailException)
OPERATIONS: dict[str, dict[str, Any]] = {
    "apply_cluster": {"spec": CHANGED},
    "upgrade_cluster": {"spec": CHANGED},
    "disaster_recovery": {"overwrite_healthy": True, "confirm_name": "demo"},
    "delete_cluster": {"confirm_name": "demo", "keep_backups": False},
}


@pytest.fixture
def made(new: Callable[[str], World], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], World]:
    def ask(_: Any, __: Any) -> None:
        raise TaskAwaitingInput(method_name="execute_complete")

    monkeypatch.setattr(approval.ApprovalOperator, "execute", ask)

    def make(spec: str) -> World:
        world = new(spec)
        world.run("create_cluster", spec=spec)
        world.run("etcd_backup")
        return world

    return make


def answered(by: str | None) -> Callable[[str], Mapping[str, Any]]:
    user = None if by is None else {"id": "7", "name": by}
    return lambda _: {"chosen_options": ["Approve"], "responded_by_user": user}


def start(world: World, dag_id: str, by: str | None, user: str | None = "anna", **params: Any) -> Run:
    """Run a whole DAG that `user` started and `by` answers."""
    run = world.begin(dag_id, **{**OPERATIONS[dag_id], **params})
    run.user, run.answer = user, answered(by)
    finish(world, run)
    return run


def finish(world: World, run: Run) -> None:
    for task in world.tasks(run):
        world.execute(task, run)
    run.is_finished = True


def state_of(world: World) -> Any:
    hosts = {name: dict(machine.host.files) for name, machine in world.machines.items()}
    return hosts, ClusterRecords(world.store, world.name).spec(), bundles(world)


def bundles(world: World) -> list[str]:
    return sorted(item.key for item in world.store.list(bundles_prefix(world.name)))


@pytest.mark.parametrize("dag_id", OPERATIONS)
@pytest.mark.parametrize(
    ("by", "user", "why"),
    [
        ("anna", "anna", "anna asked for this and cannot approve it"),
        ("Anna", "anna", "asked for this and cannot approve it"),
        (None, "anna", "not known who approved this"),
        ("bert", None, "not known who started the run"),
    ],
)
def test_one_person_is_not_two(
    made: Callable[[str], World], dag_id: str, by: str | None, user: str | None, why: str
) -> None:
    world = made(BOTH)
    before = state_of(world)
    with pytest.raises(REFUSED, match=why):
        start(world, dag_id, by, user)
    assert state_of(world) == before


@pytest.mark.parametrize("dag_id", OPERATIONS)
def test_whoever_begins_anothers_run_again_is_not_its_second_person(made: Callable[[str], World], dag_id: str) -> None:
    world = made(BOTH)
    before = state_of(world)
    run = world.begin(dag_id, **OPERATIONS[dag_id])
    run.user, run.answer, run.clears = "anna", answered("bert"), 1
    with pytest.raises(REFUSED, match="it is not known who had this run begin again"):
        finish(world, run)
    assert state_of(world) == before


@pytest.mark.parametrize("dag_id", OPERATIONS)
def test_two_people_may(made: Callable[[str], World], dag_id: str) -> None:
    world = made(BOTH)
    before = state_of(world)
    run = start(world, dag_id, "bert")
    assert run.states["outcome"] == "success"
    assert state_of(world) != before


@pytest.mark.parametrize("dag_id", ["apply_cluster", "upgrade_cluster", "disaster_recovery"])
def test_no_run_approves_itself_in_advance(made: Callable[[str], World], dag_id: str) -> None:
    world = made(BOTH)
    with pytest.raises(REFUSED, match="no run approves itself"):
        start(world, dag_id, "bert", auto_approve=True)


def test_an_open_window_is_no_second_person(made: Callable[[str], World]) -> None:
    world = made(BOTH.replace("{approval: two-people}", OPEN, 1))
    with pytest.raises(REFUSED, match="cannot approve it"):
        start(world, "apply_cluster", "anna", outside_window=True)


@pytest.mark.parametrize("dag_id", ["apply_cluster", "upgrade_cluster", "disaster_recovery"])
def test_the_spec_that_a_run_brings_does_not_turn_it_off(made: Callable[[str], World], dag_id: str) -> None:
    world = made(BOTH)
    with pytest.raises(REFUSED, match="cannot approve it"):
        start(world, dag_id, "anna", spec=AUTOMATIC)
    assert "two-people" in (ClusterRecords(world.store, world.name).spec() or "")
    start(world, dag_id, "bert", spec=AUTOMATIC)
    assert "two-people" not in (ClusterRecords(world.store, world.name).spec() or "")


@pytest.mark.parametrize(
    "spec",
    [AUTOMATIC, f"{RECOVERY}  backup: {{retention: {{hourly: 0, daily: 0, weekly: 0}}}}\n"],
    ids=["approval", "retention"],
)
def test_what_two_decide_on_is_not_changed_by_the_way(made: Callable[[str], World], spec: str) -> None:
    world = made(RECOVERY)
    with pytest.raises(REFUSED, match="cannot approve it"):
        start(world, "apply_cluster", "anna", spec=spec)
    start(world, "apply_cluster", "anna", spec=RECOVERY.replace("front", "back"))


def test_a_lost_spec_is_not_replaced_by_a_milder_one(made: Callable[[str], World]) -> None:
    world = made(BOTH)
    world.bucket.objects = {key: one for key, one in world.bucket.objects.items() if not key.endswith("spec.yaml")}
    with pytest.raises(LostObjectError, match=r"spec\.yaml in the store: it is gone"):
        start(world, "disaster_recovery", "anna", spec=AUTOMATIC)


def test_a_creation_that_goes_on_does_not_turn_it_off(new: Callable[[str], World]) -> None:
    world = new(BOTH)
    run = world.begin("create_cluster", spec=BOTH)
    for task in world.tasks(run):
        world.execute(task, run)
        if task.task_id == "lease":
            break
    run.is_finished = True
    with pytest.raises(RefusedError, match="a creation asks nobody"):
        world.run("create_cluster", spec=AUTOMATIC)


@pytest.mark.parametrize("dag_id", OPERATIONS)
def test_a_task_that_was_marked_as_done_is_no_approval(made: Callable[[str], World], dag_id: str) -> None:
    world = made(BOTH)
    asks = "approval" if dag_id in {"apply_cluster", "upgrade_cluster"} else "approve"
    run = world.begin(dag_id, **OPERATIONS[dag_id])
    before = state_of(world)
    with pytest.raises(REFUSED, match="nobody else's approval of it is there"):
        _run_past(world, run, asks, None)
    assert state_of(world) == before


@pytest.mark.parametrize("dag_id", OPERATIONS)
def test_nor_is_a_result_that_somebody_wrote(made: Callable[[str], World], dag_id: str) -> None:
    world = made(BOTH)
    asks = "approval" if dag_id in {"apply_cluster", "upgrade_cluster"} else "approve"
    run = world.begin(dag_id, **OPERATIONS[dag_id])
    forged = {
        "cluster": "demo",
        "run": f"{dag_id}/{run.run_id}",
        "digest": "0",
        "requester": "anna",
        "approver": "bert",
    }
    with pytest.raises(REFUSED, match="nobody else's approval of it is there"):
        _run_past(world, run, asks, {"chosen_options": ["Approve"], "second": {**forged, "signature": "00"}})


def _run_past(world: World, run: Run, asks: str, result: Any) -> None:
    """Run a DAG with the task that asks marked as successful by hand, and `result` for its own."""
    for task in world.tasks(run):
        if task.task_id == asks:
            run.states[asks], run.results[asks] = "success", result
        else:
            world.execute(task, run)


def test_a_plan_that_was_made_again_is_not_the_one_that_was_approved(made: Callable[[str], World]) -> None:
    world = made(BOTH)
    run = world.begin("apply_cluster", **OPERATIONS["apply_cluster"])
    run.answer = answered("bert")
    for task in world.tasks(run):
        world.execute(task, run)
        if task.task_id == "approval":
            # As if `gate` were cleared by itself, and had planned something else.
            run.results["gate"]["plan"] = {**run.results["gate"]["plan"], "digest": "0" * 64}
            break
    world.execute(next(task for task in world.tasks(run) if task.task_id == "lease"), run)
    run.states["lease"] = "success"
    check = next(task for task in world.tasks(run) if task.task_id == "check")
    with pytest.raises(RefusedError, match="what bert approved is not what would be done now"):
        world.execute(check, run)


def test_while_somebody_is_asked_about_a_deletion_the_cluster_is_cared_for(made: Callable[[str], World]) -> None:
    world = made(BOTH)
    run = world.begin("delete_cluster", **OPERATIONS["delete_cluster"])
    first = next(world.tasks(run))
    world.execute(first, run)
    assert world.run("etcd_backup").states["take"] == "success"


def test_where_the_spec_says_nothing_all_is_as_before(made: Callable[[str], World]) -> None:
    world = made(SMALL)
    start(world, "apply_cluster", "anna", spec=SMALL.replace("front", "back"))
    start(world, "apply_cluster", None, None, spec=SMALL, auto_approve=True)
    start(world, "delete_cluster", None, None)
    assert bundles(world) == []
