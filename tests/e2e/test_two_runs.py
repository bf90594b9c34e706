"""A change of the spec, and another one while the first is under way."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import yaml

from e2e.ground import Ground, Run
from e2e.standing import ensure_cluster
from windlass.effects.kubernetes.client import NODES, Resource

CONFIG_MAPS = Resource("v1", "configmaps", namespaced=True)
OWN = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own", "namespace": "default"}, "data": {"a": "b"}}
MANIFESTS = [{"name": "mine", "content": yaml.safe_dump(OWN)}]


@dataclass(frozen=True)
class Both:
    """Two runs at once, and when everything began before and after them."""

    first: Run
    second: Run
    before: dict[str, str]
    after: dict[str, str]


def changed_spec(ground: Ground, verbosity: str) -> str:
    return ground.spec(components={"kube-scheduler": {"extraArgs": {"v": verbosity}}}, manifests=MANIFESTS)


@pytest.fixture(scope="module")
def both(ground: Ground) -> Both:
    """A run that is held fast in the middle, another one meanwhile, and the first one's end."""
    ensure_cluster(ground)
    before = ground.beginnings()
    run_id = ground.start_apply(changed_spec(ground, "3"))
    held = ground.task_process("apply_cluster", run_id, "confirm")
    held.suspend()
    try:
        second = ground.apply(changed_spec(ground, "4"))
    finally:
        held.resume()
    first = ground.finish("apply_cluster", run_id)
    return Both(first, second, before, ground.beginnings())


def test_the_second_of_two_runs_refuses_and_names_the_first(both: Both) -> None:
    refusal = both.second.refused("lease")

    assert f"is being changed by apply_cluster (run {both.first.run_id})" in refusal
    assert {both.second.states[task] for task in ("check", "roll")} <= {"upstream_failed", "skipped"}


def test_the_first_of_two_runs_goes_on_to_its_end(both: Both) -> None:
    both.first.succeeded()


def test_a_changed_spec_touches_only_what_it_changes(both: Both, ground: Ground) -> None:
    began_anew = {name for name, since in both.after.items() if both.before.get(name) != since}

    assert began_anew == {f"{host}/kube-scheduler" for host in ("cp-1", "cp-2", "cp-3")}
    with ground.api() as client:
        found = client.get(CONFIG_MAPS, "own", "default")
        assert found is not None
        assert found["data"] == {"a": "b"}
        assert len(client.list(NODES)) == 4
    changed = both.first.result("result")["changed"]
    assert {line.partition(": ")[0] for line in changed} == {"cp-1", "cp-2", "cp-3", "cluster"}


def test_a_label_of_the_spec_comes_to_its_node_alone(ground: Ground, both: Both) -> None:
    document = yaml.safe_load(changed_spec(ground, "3"))
    document["spec"]["hosts"]["members"][3]["labels"] = {"e2e.example/disk": "fast"}

    ground.apply(yaml.safe_dump(document)).succeeded()

    after = ground.beginnings()
    assert {name for name, since in after.items() if both.after.get(name) != since} <= {"w-1/kubelet"}
    with ground.api() as client:
        labels = {node["metadata"]["name"]: node["metadata"]["labels"] for node in client.list(NODES)}
    assert {name for name, of in labels.items() if of.get("e2e.example/disk") == "fast"} == {"w-1"}
