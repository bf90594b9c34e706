from __future__ import annotations

import pytest

from e2e.ground import VERSION, Ground

CHANGING = ("hosts.prepare", "hosts.certificates", "cluster.etcd", "cluster.control_plane", "cluster.workers")


def test_an_unchanged_spec_changes_nothing_and_says_so(cluster: Ground) -> None:
    before = cluster.beginnings()

    run = cluster.apply().succeeded()

    assert run.outcome == "nothing"
    assert {run.states[task] for task in ("create", "approval", "lease", "check", "roll", "verify")} == {"skipped"}
    assert "nothing to change" in cluster.service_log()[0]
    assert cluster.beginnings() == before


def test_creating_what_is_there_changes_nothing_and_says_so(cluster: Ground) -> None:
    before = cluster.beginnings()

    run = cluster.create().succeeded()

    assert not any(run.result("plan.preflight").values())
    assert "nothing to do on 4 hosts" in run.log("plan.preflight")
    assert {run.states[task] for task in ("lease", *CHANGING, "cluster.services", "verify")} == {"skipped"}
    assert run.result("record") == "create_cluster: nothing to change"
    assert cluster.service_log()[0] == "create_cluster: nothing to change"
    assert cluster.beginnings() == before


def test_only_planning_shows_the_plan_and_changes_nothing(cluster: Ground) -> None:
    before, stored = cluster.beginnings(), cluster.records.spec()
    changed = cluster.spec(components={"kube-scheduler": {"extraArgs": {"v": "3"}}})

    run = cluster.apply(changed, plan_only=True).succeeded()

    assert run.outcome == "planned"
    plan = {line for step in run.result("gate")["steps"] for line in step["does"]}
    assert plan == {f"{host}: kube-scheduler restarted" for host in ("cp-1", "cp-2", "cp-3")}
    assert "kube-scheduler restarted" in run.log("gate")
    assert run.states["lease"] == "skipped"
    assert cluster.records.spec() == stored
    assert cluster.beginnings() == before


def test_a_creation_refuses_to_change_what_runs_and_names_the_door(cluster: Ground) -> None:
    before, stored = cluster.beginnings(), cluster.records.spec()

    changed = cluster.spec(components={"kube-scheduler": {"extraArgs": {"v": "3"}}})
    refusal = cluster.create(changed).refused("plan.validate")

    assert "trigger `apply_cluster` with this spec" in refusal
    assert cluster.records.spec() == stored
    assert cluster.beginnings() == before


def test_another_version_is_refused_with_the_way_to_upgrade(cluster: Ground) -> None:
    before, stored = cluster.beginnings(), cluster.records.spec()

    refusal = cluster.create(cluster.spec(version="v1.36.3")).refused("plan.validate")

    assert f"runs {VERSION}, the spec says v1.36.3" in refusal
    assert "`upgrade_cluster`" in refusal
    assert cluster.records.spec() == stored
    assert cluster.beginnings() == before


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("roles:\n      - etcd\n      - controlplane", "spec.hosts.members[0].roles[1]"),
        ("roles:\n      - etcd\n      - control-plane\n      colour: red", "spec.hosts.members[0].colour"),
    ],
)
def test_an_invalid_spec_is_refused_with_line_and_path(cluster: Ground, wrong: str, told: str) -> None:
    stored = cluster.records.spec()
    good = "roles:\n      - etcd\n      - control-plane"
    spec = cluster.spec()
    assert good in spec
    text = spec.replace(good, wrong, 1)
    (line,) = [number for number, one in enumerate(text.splitlines(), 1) if "controlplane" in one or "colour" in one]

    for refusal in (cluster.create(text).refused("plan.validate"), cluster.apply(text).refused("gate")):
        assert f"spec:{line}: {told}" in refusal
    assert cluster.records.spec() == stored
