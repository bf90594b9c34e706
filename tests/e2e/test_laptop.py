"""A laptop with a login to Airflow and nothing else gives commands about the cluster; a worker answers."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.ground import CLUSTER, Ground
from windlass.cli.embedded import instance
from windlass.cli.embedded.secret_files import login
from windlass.domain.host.layout import API_PORT
from windlass.domain.pki import Signer
from windlass.effects.kubernetes.client import NAMESPACES, Credentials, KubernetesClient
from windlass.effects.store import ServiceLog
from windlass.operation_names import Operation

pytestmark = pytest.mark.full


def give(ground: Ground, cache: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `windlass` with an environment that knows Airflow's URL and a login to it alone."""
    running = instance.status(ground.home)
    assert running is not None
    user, password = login(ground.home)
    known = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "WINDLASS"))}
    known |= {
        "WINDLASS_AIRFLOW_URL": running.url,
        "WINDLASS_AIRFLOW_USER": user,
        "WINDLASS_AIRFLOW_PASSWORD": password,
        "WINDLASS_CACHE": str(cache),
        "AIRFLOW_HOME": str(cache / "nothing"),
    }
    command = [sys.executable, "-m", "windlass.cli.main", *words]
    return subprocess.run(command, env=known, capture_output=True, text=True, check=False, timeout=600)


def told(ground: Ground, cache: Path, *words: str) -> str:
    done = give(ground, cache, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_cluster_is_inspected_by_a_login_to_airflow(cluster: Ground, tmp_path: Path) -> None:
    found = json.loads(told(cluster, tmp_path, "certificates", CLUSTER, "--json"))
    assert {"ca/kubernetes", "super-admin"} <= {one["name"] for one in found["certificates"]}
    assert json.loads(told(cluster, tmp_path, "plan", CLUSTER, "--json"))["steps"] == []
    assert json.loads(told(cluster, tmp_path, "audit", CLUSTER, "--json"))["controls"]
    assert "no objects are other" in told(cluster, tmp_path, "store", "check")


def test_breaking_the_glass_lets_in_and_leaves_its_key_nowhere(cluster: Ground, tmp_path: Path) -> None:
    file = tmp_path / "demo.kubeconfig"
    words = ("kubeconfig", CLUSTER, "--break-glass", "--output", str(file))
    assert give(cluster, tmp_path, *words).returncode == 3
    told(cluster, tmp_path, *words, "--reason", "the end-to-end tests")

    (user,) = yaml.safe_load(file.read_text())["users"]
    certificate, key = (
        base64.b64decode(user["user"][f"client-{name}-data"]).decode() for name in ("certificate", "key")
    )
    authority = cluster.pki().authorities[Signer.KUBERNETES].certificate
    address = str(cluster.lab.host("cp-1").address)
    with KubernetesClient(address, API_PORT, Credentials(authority, certificate, key)) as client:
        assert client.get(NAMESPACES, "default")
    noted = [one for one in ServiceLog(cluster.store, CLUSTER).newest() if one.operation == "break-glass"]
    assert [(one.reason, one.level) for one in noted[:1]] == [("the end-to-end tests", "warning")]
    for where, text in _left(cluster):
        assert key.splitlines()[1] not in text, where


def _left(ground: Ground) -> list[tuple[str, Any]]:
    """Return what Airflow keeps of the newest commands: logs, results, params."""
    found: list[tuple[str, Any]] = []
    for run in ground.client.runs(Operation.COMMAND, limit=5):
        kept = ground.client._checked(ground.client._send("GET", f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}"))
        found.append((f"conf {run.run_id}", json.dumps(kept)))
        for task in ground.client.tasks(run.dag_id, run.run_id):
            found.append((f"log {run.run_id}", ground.client.log(run.dag_id, run.run_id, task)))
            if task.state == "success":
                found.append((f"XCom {run.run_id}", str(ground.client.xcom(run.dag_id, run.run_id, task.task_id))))
    assert found
    return found
