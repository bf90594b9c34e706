from __future__ import annotations

import pytest

from e2e.ground import VERSION, Ground

CHANGING = ("hosts.prepare", "hosts.certificates", "cluster.etcd", "cluster.control_plane", "cluster.workers")


def test_an_unchanged_spec_changes_nothing_and_says_so(cluster: Ground) -> None:
    before = cluster.beginnings()

    run = cluster.apply().succeeded()

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

    plan = run.result("plan.preflight")
    assert [step for step in plan["cp-2"] if "kube-scheduler" in step]
    assert plan["w-1"] == []
    assert "start kube-scheduler" in run.log("plan.preflight")
    assert run.states["lease"] == "skipped"
    assert cluster.records.spec() == stored
    assert cluster.beginnings() == before


def test_another_version_is_refused_with_the_way_to_upgrade(cluster: Ground) -> None:
    before, stored = cluster.beginnings(), cluster.records.spec()

    refusal = cluster.apply(cluster.spec(version="v1.36.3")).refused("plan.validate")

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

    refusal = cluster.apply(text).refused("plan.validate")

    assert f"spec:{line}: {told}" in refusal
    assert cluster.records.spec() == stored
