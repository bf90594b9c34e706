"""Whole runs that rehearse an upgrade: what the target does not take is named, and the cluster is not touched."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from unit.rollout.conftest import CATALOG
from windlass.effects.store.rehearsals import last_rehearsal
from windlass.errors import RefusedError
from world import World
from world.isolated_api import REFUSED
from world.specs import SMALL

New = Callable[[str], World]
OLD, TARGET = CATALOG.versions[0], CATALOG.versions[-1]
SPEC = SMALL.replace(TARGET, OLD)
ODD = ("configmaps", "default", "odd")


@pytest.fixture(scope="module")
def backed(new: New) -> World:
    """A cluster of the release before, with a bundle."""
    world = new(SPEC)
    world.run("create_cluster", spec=SPEC)
    world.run("etcd_backup")
    return world


def gate_of(world: World) -> str:
    result: Any = world.run("upgrade_cluster", version=TARGET, plan_only=True).results["gate"]
    return "\n".join(f"{one['verdict']} {one['name']}: {one['text']}" for one in result["findings"])


def test_an_upgrade_that_would_go_well_is_recorded_and_shown_by_the_gate(backed: World) -> None:
    before = copy.deepcopy(backed.kubernetes.state())
    assert "rehears" not in gate_of(backed)

    run = backed.run("rehearse_upgrade", version=TARGET)

    assert run.results["rehearse"]["objects"] > 20
    kept = last_rehearsal(backed.store, backed.name, TARGET)
    assert kept is not None
    assert (kept.running, kept.target, kept.defects) == (OLD, TARGET, ())
    assert "passed rehearsal: rehearsed " in gate_of(backed)
    assert backed.kubernetes.state() == before
    assert not any(machine.drills for machine in backed.machines.values())


def test_what_would_not_be_taken_is_named_and_warned_of_at_the_gate(backed: World) -> None:
    annotations = {REFUSED: "yes"}
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    metadata = {"name": "odd", "namespace": "default", "uid": "9", "annotations": annotations, "labels": labels}
    backed.etcd.objects[ODD] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    backed.run("etcd_backup")

    run = backed.begin("rehearse_upgrade", version=TARGET)
    task = next(backed.tasks(run))
    with pytest.raises(RefusedError, match=r"ConfigMap default/odd \(of Helm\): it cannot be written as it is: 422"):
        backed.execute(task, run)
    run.is_finished = True

    assert "warning rehearsal: rehearsed " in gate_of(backed)
    assert not any(machine.drills for machine in backed.machines.values())


@pytest.mark.parametrize(("version", "match"), [(OLD, "give the version of another release"), ("v9.9.9", "v9.9.9")])
def test_where_no_upgrade_leads_nothing_is_rehearsed(backed: World, version: str, match: str) -> None:
    with pytest.raises(Exception, match=match):
        backed.run("rehearse_upgrade", version=version)
