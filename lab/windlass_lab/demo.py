"""`windlass demo`: a lab, an Airflow and a Kubernetes cluster, with one command.

Every step finds what an earlier, interrupted `windlass demo` has done, and goes on from there.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from windlass.cli.embedded.client import AirflowClient, TaskView
from windlass.cli.embedded.instance import RunningInstance
from windlass.cli.embedded.instance import down as stop_airflow
from windlass.cli.embedded.instance import up as start_airflow
from windlass.cli.embedded.layout import Home
from windlass.cli.embedded.secret_files import login
from windlass.cli.main import main as windlass
from windlass.domain.host.layout import API_PORT
from windlass.domain.pki import Signer
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.domain.secret import Secret
from windlass.effects.kubernetes.client import NODES, Credentials, KubernetesClient
from windlass.effects.store import AuthenticatedStore
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.mirror.cache import read_lock
from windlass.operation_names import Operation
from windlass.operations.commands.break_glass import Access, AccessRequest, grant_access
from windlass_lab import demo_plan
from windlass_lab.demo_plan import NAME, demo_hosts
from windlass_lab.lab import down as stop_lab
from windlass_lab.lab import up as start_lab
from windlass_lab.places import lab_root, write_private
from windlass_lab.plan import LabPlan

_LIMIT = timedelta(minutes=30)
_LOG_LINES = 15
_SHOWN = frozenset({"running", "success", "failed", "up_for_retry", "deferred", "awaiting_input", "skipped"})


@dataclass(frozen=True)
class _Stage:
    """Prints what happens, with the time since the demo's start."""

    began: float

    def say(self, text: str) -> None:
        """Print one line."""
        print(f"[{time.monotonic() - self.began:6.1f} s] {text}", flush=True)

    def show_task(self, task: TaskView) -> None:
        """Print a task's new state, where it is one that tells something."""
        if task.state not in _SHOWN:
            return
        host = f" [{task.label}]" if task.label else ""
        took = f" after {task.seconds:.1f} s" if task.seconds and task.state in {"success", "failed"} else ""
        again = f", try {task.try_number}" if task.try_number > 1 else ""
        self.say(f"{task.task_id}{host}: {task.state}{took}{again}")


def directory() -> Path:
    """Return where the demo keeps its master key and its kubeconfig."""
    return lab_root().parent / "demo"


def run(version: str, workers: int) -> int:
    """Bring the demo up with so many workers, or complete it; return the exit code."""
    stage = _Stage(time.monotonic())
    if exit_code := windlass(["mirror"]):
        return exit_code
    lab = start_lab(LabPlan(NAME, demo_hosts(workers)), stage.say)
    key = _master_key()
    keys = MasterKeys.parse(key.reveal())
    store = AuthenticatedStore.by(demo_plan.store_of(lab), keys)
    # The lab serves the mirror of this machine, so what was filled a moment ago is what may hold.
    AcceptedLocks(store, keys).accept(lab.mirror_url, read_lock(), "windlass demo")
    home = Home.of(NAME)
    running = start_airflow(home, demo_plan.airflow_settings(lab, key), on_progress=stage.say)
    stage.say(f"Airflow: {_login_line(home, running)}")
    with AirflowClient(running.url, *login(home)) as client:
        if not _create(client, demo_plan.cluster_spec(lab, version), stage):
            print(f"the run failed; its pages: {_login_line(home, running)}\n`windlass demo` tries again from there")
            return 1
    asked = AccessRequest(NAME, "demo", timedelta(hours=24), "windlass demo")
    _show_cluster(grant_access(store, keys, asked), _login_line(home, running))
    return 0


def _login_line(home: Home, running: RunningInstance) -> str:
    user, password = login(home)
    return f"{running.url}  user: {user}  password: {password}"


def _master_key() -> Secret:
    file = directory() / "master-key"
    if not file.exists():
        directory().mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(file, new_master_key().reveal().encode())
    return Secret(file.read_text())


def _create(client: AirflowClient, spec: str, stage: _Stage) -> bool:
    """Have the cluster created, or follow the run that does it already; a failed run goes on where it failed."""
    client.wait_for_dag(Operation.CREATE)
    run_id = demo_plan.run_id(spec)
    conf = {"cluster": NAME, "spec": spec, "reason": "windlass demo"}
    run = client.trigger(Operation.CREATE, run_id=run_id, conf=conf)
    if run.state == "failed":
        stage.say(f"run {run_id} had failed; what failed runs again")
        client.clear_failed(Operation.CREATE, run_id)
    stage.say(f"run {run_id} of {Operation.CREATE}")
    ended = client.follow(Operation.CREATE, run_id, stage.show_task, within=_LIMIT)
    if ended.state != "success":
        _show_failures(client, run_id, print)
    return ended.state == "success"


def _show_failures(client: AirflowClient, run_id: str, show: Callable[[str], None]) -> None:
    for task in client.tasks(Operation.CREATE, run_id):
        if task.state == "failed":
            show(f"--- the end of the log of {task.task_id} {task.label}")
            show("\n".join(client.log(Operation.CREATE, run_id, task).splitlines()[-_LOG_LINES:]))


def _show_cluster(access: Access, pages: str) -> None:
    path = directory() / "kubeconfig"
    write_private(path, access.kubeconfig.reveal().encode())
    print()
    for line in _node_lines(access):
        print(line)
    print(f"\nAirflow     {pages}")
    print(f"kubeconfig  export KUBECONFIG={path}   (valid for 24 hours; again: windlass demo)")
    print("stop        windlass demo down")


def _node_lines(access: Access) -> list[str]:
    first = access.cluster.hosts_with("control-plane")[0]
    credentials = Credentials(
        ca=access.pki.authorities[Signer.KUBERNETES].certificate,
        certificate=access.credential.certificate,
        key=access.credential.key.reveal(),
    )
    with KubernetesClient(str(first.address), API_PORT, credentials) as api:
        nodes = api.list(NODES)
    rows = [("NODE", "STATE", "ADDRESS", "VERSION"), *(_node_row(node) for node in nodes)]
    return [f"{name:<12}{state:<12}{address:<18}{version}" for name, state, address, version in rows]


def _node_row(node: dict[str, Any]) -> tuple[str, str, str, str]:
    status = node["status"]
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions", []))
    address = next((item["address"] for item in status.get("addresses", []) if item["type"] == "InternalIP"), "-")
    state = "Ready" if ready else "NotReady"
    return node["metadata"]["name"], state, address, status["nodeInfo"]["kubeletVersion"]


def remove() -> int:
    """Stop the demo and remove what it made; return the exit code."""
    found = [stop_airflow(Home.of(NAME), purge=True), stop_lab(NAME, print), directory().exists()]
    shutil.rmtree(directory(), ignore_errors=True)
    print("the demo is gone" if any(found) else "there was no demo")
    return 0
