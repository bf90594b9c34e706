"""Runs that nobody starts: a schedule does, or one run hands its cluster on to the next as a partition."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from windlass.errors import SpecError
from world import World
from world.specs import SMALL

New = Callable[[str], World]


def test_a_schedule_backs_a_cluster_up_and_proves_the_bundle(new: New) -> None:
    world = new(SMALL)
    world.run("create_cluster", spec=SMALL)

    dispatched = world.run_by_schedule("backup_dispatch")
    assert dispatched.partitions == {"windlass_backups": ["demo"]}
    backup = world.run_by_schedule("etcd_backup", "demo")
    assert backup.results["take"]["source"] == "cp-1"
    assert backup.partitions == {"windlass_drills": ["demo"], "windlass_backed_up": ["demo"]}
    drill = world.run_by_schedule("restore_drill", "demo")

    assert set(drill.states.values()) == {"success"}
    _, is_there, is_proven = world.state()["bundles"]
    assert is_there
    assert is_proven


def test_a_schedule_leaves_a_cluster_alone_that_is_being_created(new: New) -> None:
    world = new(SMALL)
    run = world.begin("create_cluster", spec=SMALL)
    for task in world.tasks(run):
        if task.task_id == "verify":
            break
        world.execute(task, run)

    assert world.run_by_schedule("backup_dispatch").states["dispatch"] == "skipped"
    assert world.run_by_schedule("etcd_backup", "demo").states["take"] == "skipped"
    assert world.run_by_schedule("restore_drill", "demo").states["choose"] == "skipped"
    healed = world.run_by_schedule("heal_cluster", "demo").results
    assert healed == {"heal": {"the cluster is being created or deleted": []}}


def test_a_run_for_a_partition_that_is_no_clusters_name_is_refused(new: New) -> None:
    world = new(SMALL)
    with pytest.raises(SpecError, match=r"no cluster is called '\.\./demo'"):
        world.run_by_schedule("etcd_backup", "../demo")


def test_nothing_is_due_right_after_a_bundle_was_taken(new: New) -> None:
    world = new(SMALL)
    world.run("create_cluster", spec=SMALL)
    world.run_by_schedule("etcd_backup", "demo")

    assert world.run_by_schedule("backup_dispatch").states["dispatch"] == "skipped"
