from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from e2e.ground import CLUSTER, VERSION, Ground
from windlass.effects.kubernetes.client import NODES

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


def test_the_command_gives_the_plan_that_airflow_gives_and_carries_it_out(cluster: Ground, tmp_path: Path) -> None:
    spec, before = tmp_path / "labelled.yaml", tmp_path / "before.yaml"
    before.write_text(cluster.spec())
    document = yaml.safe_load(before.read_text())
    document["spec"]["hosts"]["members"][3]["labels"] = {"e2e.example/door": "command"}
    spec.write_text(yaml.safe_dump(document))
    planned = cluster.apply(spec.read_text(), plan_only=True).succeeded().result("gate")

    told = command(cluster, "plan", spec)
    told_as_json = command(cluster, "plan", spec, "--json")
    applied = command(cluster, "apply", spec, "--plan-digest", planned["plan"]["digest"], "--approve")
    with cluster.api() as client:
        node = client.get(NODES, "w-1")
    command(cluster, "apply", before, "--approve")

    assert planned["text"].strip() in told
    assert json.loads(told_as_json) == planned["plan"]
    assert "done" in applied
    assert node is not None
    assert node["metadata"]["labels"]["e2e.example/door"] == "command"
    assert cluster.apply().succeeded().outcome == "nothing"


def command(ground: Ground, name: str, spec: Path, *words: str) -> str:
    """Return what `windlass` prints about a spec, of the Airflow and the cluster of these tests."""
    where = ["--spec", str(spec), "--allow-untested", "--airflow", ground.home.root.name]
    line = [sys.executable, "-m", "windlass.cli.main", name, CLUSTER, *where, *words]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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
