"""Clusters follow the files of a folder and of a repository, in memory: what differs is applied, what is gone stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk.exceptions import AirflowFailException

from unit.sync.test_git import git
from windlass.effects.store import ServiceLog
from windlass.effects.store.followed import read_followed
from windlass.effects.store.keys import followed_key, spec_key
from windlass.operation_names import Operation
from world import World
from world.everything import dags
from world.runs import Run
from world.specs import SMALL

CHANGED = SMALL.replace("labels: {tier: front}", "labels: {tier: back}")


@pytest.fixture(scope="module")
def world(new: Callable[[str], World]) -> World:
    made = new(SMALL)
    made.run("create_cluster", spec=SMALL)
    return made


@pytest.fixture(scope="module")
def saved(world: World) -> Any:
    return world.save()


@pytest.fixture
def folder(world: World, saved: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    world.restore(saved)
    made = tmp_path / "clusters"
    made.mkdir()
    (made / "demo.yaml").write_text(SMALL)
    follow(monkeypatch, extra={"path": str(made)})
    return made


def follow(monkeypatch: pytest.MonkeyPatch, **connection: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WINDLASS_SPECS", json.dumps({"conn_type": "generic", **connection}))


def look(world: World, **params: Any) -> Run:
    """Run the first task, as the schedule does unless there are params."""
    run = world.begin(Operation.SYNC_SPECS, **params)
    if not params:
        run.started, run.user = "scheduled", None
    del run.params["cluster"]  # type: ignore[attr-defined]
    task = next(iter(world.tasks(run)))
    assert task.task_id == "look"
    world.execute(task, run)
    return run


def states(run: Run) -> dict[str, str]:
    return {one["file"]: one["state"] for one in run.results["look:report"]["clusters"]}


def apply(world: World, run: Run) -> None:
    for one in run.results["look"]:
        world.run(Operation.APPLY, **{**one["conf"], "auto_approve": True})


def warnings(world: World) -> list[str]:
    return [event.text for _, event in ServiceLog(world.store, "demo").entries() if event.level == "warning"]


def test_what_is_as_its_file_says_is_left_alone_and_what_differs_is_applied_once(world: World, folder: Path) -> None:
    first = look(world)
    assert (states(first), first.results["look"]) == ({"demo.yaml": "in sync"}, [])
    (folder / "demo.yaml").write_text(CHANGED)
    second, again = look(world), look(world)
    assert states(second) == {"demo.yaml": "changed"}
    (asked,) = second.results["look"]
    assert asked["conf"] == {"cluster": "demo", "spec": CHANGED, "reason": asked["conf"]["reason"]}
    assert again.results["look"] == [asked], "the same run, which Airflow starts once"
    apply(world, second)
    assert (states(look(world)), look(world).results["look"]) == ({"demo.yaml": "in sync"}, [])
    # And what was there once is a new run when it comes again.
    (folder / "demo.yaml").write_text(SMALL)
    apply(world, look(world))
    assert states(look(world)) == {"demo.yaml": "in sync"}
    (folder / "demo.yaml").write_text(CHANGED)
    (back,) = look(world).results["look"]
    assert back["run_id"] != asked["run_id"]


def test_a_new_cluster_is_applied_as_any_other(world: World, folder: Path) -> None:
    text = SMALL.replace("name: demo", "name: other").replace("192.0.2.", "198.51.100.")
    (folder / "other.yaml").write_text(text)
    run = look(world)
    assert states(run)["other.yaml"] == "new"
    assert [one["conf"]["cluster"] for one in run.results["look"]] == ["other"]


def test_what_was_changed_past_its_file_is_shown_once_and_put_back_only_where_that_is_asked_for(
    world: World, folder: Path
) -> None:
    look(world)
    world.run(Operation.APPLY, spec=CHANGED, auto_approve=True)
    drifted = look(world)
    look(world)
    assert (states(drifted), drifted.results["look"]) == ({"demo.yaml": "drifted"}, [])
    (told,) = warnings(world)
    assert "changed past demo.yaml" in told
    assert "tier" in told
    apply(world, look(world, put_back=True))
    assert states(look(world)) == {"demo.yaml": "in sync"}


def test_a_file_that_is_gone_deletes_nothing_and_that_is_told_once(world: World, folder: Path) -> None:
    look(world)
    (folder / "demo.yaml").unlink()
    gone = look(world)
    look(world)
    assert (states(gone), gone.results["look"]) == ({"demo.yaml": "gone"}, [])
    (told,) = warnings(world)
    assert "demo.yaml is gone" in told
    assert "delete_cluster" in told
    assert world.is_known
    (folder / "demo.yaml").write_text(SMALL)
    assert states(look(world)) == {"demo.yaml": "in sync"}
    followed = read_followed(world.store, "demo")
    assert followed is not None
    assert followed.told == ""


def test_a_cluster_that_was_deleted_comes_back_only_where_that_is_asked_for_or_its_file_changes(
    world: World, folder: Path
) -> None:
    look(world)
    world.run(Operation.DELETE, confirm_name="demo")
    deleted = look(world)
    assert (states(deleted), deleted.results["look"]) == ({"demo.yaml": "deleted"}, [])
    assert len(look(world, put_back=True).results["look"]) == 1
    (folder / "demo.yaml").write_text(CHANGED)
    changed = look(world)
    assert (states(changed), len(changed.results["look"])) == ({"demo.yaml": "new"}, 1)


def test_a_file_that_is_wrong_hides_no_other_and_is_not_gone_and_fails_the_run_at_its_end(
    world: World, folder: Path
) -> None:
    look(world)
    (folder / "demo.yaml").write_text("apiVersion: windlass/v1\nkind: Cluster\nmetadata: {name: demo}\nspec: {x: 1}\n")
    (folder / "other.yaml").write_text(SMALL.replace("name: demo", "name: other").replace("192.0.2.", "198.51.100."))
    (folder / "clash.yaml").write_text(SMALL.replace("name: demo", "name: clash"))
    run = look(world)
    assert states(run) == {"demo.yaml": "wrong", "other.yaml": "new", "clash.yaml": "wrong"}
    assert [one["conf"]["cluster"] for one in run.results["look"]] == ["other"]
    report = dags()[Operation.SYNC_SPECS].get_task("report")
    pull = {"report": run.results["look:report"]}
    ti = type("Ti", (), {"xcom_pull": lambda self, task_ids, key="": pull.get(key, run.results["look"])})()
    with pytest.raises(AirflowFailException, match=r"(?s)clash.yaml: spec:9.*demo.yaml:4"):
        report.execute({"ti": ti})
    assert warnings(world) == []


def test_a_cluster_whose_objects_cannot_be_read_hides_no_other(world: World, folder: Path) -> None:
    look(world)
    (folder / "other.yaml").write_text(SMALL.replace("name: demo", "name: other").replace("192.0.2.", "198.51.100."))
    (folder / "demo.yaml").write_text(CHANGED)
    world.bucket.put(spec_key("other"), b"nobody signed this")
    world.bucket.put(spec_key("third"), b"nor this")
    world.bucket.put(followed_key("third"), b"{}")
    run = look(world)
    assert states(run) == {"demo.yaml": "changed", "other.yaml": "wrong", "": "wrong"}
    assert [one["conf"]["cluster"] for one in run.results["look"]] == ["demo"]


def test_of_a_branch_plans_are_made_and_of_the_followed_one_what_was_merged_is_applied(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = folder.parent
    git(repository, "init", "-q", "-b", "main")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "one")
    git(repository, "checkout", "-q", "-b", "change")
    (folder / "demo.yaml").write_text(CHANGED)
    git(repository, "commit", "-q", "-a", "-m", "two")
    follow(monkeypatch, host=f"file://{repository}", extra={"folder": "clusters"})
    assert states(look(world)) == {"demo.yaml": "in sync"}
    plan = look(world, ref="change", auto_approve=True)
    (asked,) = plan.results["look"]
    assert (asked["conf"]["plan_only"], "auto_approve" in asked["conf"]) == (True, False)
    shown = world.run(Operation.APPLY, **asked["conf"])
    assert shown.results["result"]["state"] == "planned"
    git(repository, "checkout", "-q", "main")
    git(repository, "merge", "-q", "change")
    merged = look(world)
    assert "plan_only" not in merged.results["look"][0]["conf"]
    assert merged.results["look:report"]["revision"] == git(repository, "rev-parse", "main")


def test_runs_are_started_by_the_mapped_task_once_each_and_no_text_is_a_template() -> None:
    dag = dags()[Operation.SYNC_SPECS]
    mapped = dag.get_task("apply")
    started = mapped.unmap({"asked": {"run_id": "one", "conf": {"cluster": "demo", "spec": "{{ 7 * 6 }}"}}})
    assert isinstance(started, TriggerDagRunOperator)
    assert (started.trigger_dag_id, started.skip_when_already_exists) == (Operation.APPLY, True)
    assert started.execution_timeout
    assert "asked" not in started.template_fields
    assert dag.get_task("report").upstream_task_ids == {"look", "apply"}
    assert dag.schedule is None
