"""From 1.36.3 to 1.37.2 while the cluster is used: nobody notices, everything planned is done, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from e2e.clients import Count, api_client, run_web, service_client, story_of_web
from e2e.ground import HOSTS, VERSION, Ground, Run
from e2e.upgrading import OLD, old_cluster, upgrade
from windlass.effects.kubernetes.client import NODES

pytestmark = pytest.mark.full


@dataclass(frozen=True)
class Upgraded:
    """The run, what clients saw meanwhile, and when everything began before and after it."""

    plan: Run
    run: Run
    api: Count
    service: Count
    before: dict[str, str]
    after: dict[str, str]


@pytest.fixture(scope="module")
def upgraded(ground: Ground) -> Upgraded:
    old_cluster(ground)
    run_web(ground, OLD)
    plan = upgrade(ground, plan_only=True).succeeded()
    before = ground.beginnings()
    with api_client(ground, "w-1") as api, service_client(ground, "cp-1") as service:
        run = upgrade(ground)
    return Upgraded(plan, run.succeeded(), api, service, before, ground.beginnings())


def test_every_node_runs_the_new_version(upgraded: Upgraded, ground: Ground) -> None:
    with ground.api() as client:
        nodes = client.list(NODES)
    assert {node["metadata"]["name"] for node in nodes} == set(HOSTS)
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes} == {VERSION}
    assert not [node for node in nodes if node["spec"].get("unschedulable")]
    assert f"version: {VERSION}" in (ground.records.spec() or "")
    assert ground.records.rollout() is None


def test_nobody_noticed(upgraded: Upgraded, ground: Ground) -> None:
    assert upgraded.api.asked > 100
    assert upgraded.api.failed == [], str(upgraded.api)
    assert upgraded.service.asked > 100
    assert upgraded.service.failed == [], story_of_web(ground)


def test_what_was_planned_was_done_and_nothing_else(upgraded: Upgraded) -> None:
    steps = upgraded.plan.result("gate")["steps"]
    planned = [does for step in steps for does in step["does"]]
    changed = {found[1] for line in planned if (found := re.fullmatch(r"(\S+: \S+) v\S+ -> v\S+", line))}
    began = {name for name, since in upgraded.after.items() if upgraded.before.get(name) != since}

    assert began == {line.replace(": ", "/") for line in changed}
    # Sorted, since etcd's leader comes last, and may be another one by then.
    assert sorted(upgraded.run.result("result")["steps"]) == sorted(step["label"] for step in steps)
    assert upgraded.run.result("result")["state"] == "done"


def test_a_second_upgrade_to_the_same_version_does_nothing(upgraded: Upgraded, ground: Ground) -> None:
    before = ground.beginnings()
    run = upgrade(ground).succeeded()
    assert run.states["approval"] == run.states["lease"] == "skipped"
    assert run.result("result")["state"] == "nothing"
    assert ground.beginnings() == before


@pytest.mark.parametrize(
    ("version", "told"),
    [(OLD, "an upgrade never goes back"), ("v1.37.9", "the catalog has no Kubernetes v1.37.9")],
)
def test_where_no_upgrade_leads_is_refused(upgraded: Upgraded, ground: Ground, version: str, told: str) -> None:
    assert told in upgrade(ground, version).refused("gate")
