"""docker-compose.yaml from nothing: images, secrets, every part healthy; asked over TLS; a plan for lab hosts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from e2e.ground import Ground, wait_for
from e2e.production import Production, production
from windlass.operation_names import Operation
from windlass_lab.containers import container_name
from windlass_lab.docker import docker
from windlass_lab.model import USER

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]
PARTS = {
    "postgres": 1, "redis": 1, "s3": 1, "proxy": 1, "airflow-apiserver": 2, "airflow-scheduler": 2,
    "airflow-triggerer": 2, "airflow-dag-processor": 1, "airflow-worker": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def running(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    with production(tmp_path_factory.mktemp("production"), USER, ground.lab.key_path.read_text()) as made:
        yield made


def test_every_part_is_healthy_and_as_many_as_are_said(running: Production) -> None:
    assert {part: len(running.containers(part)) for part in PARTS} == PARTS
    states = [docker("inspect", "--format", "{{.State.Health.Status}}", name).strip()
              for part in PARTS for name in running.containers(part)]  # fmt: skip
    assert set(states) == {"healthy"}


def test_no_secret_is_in_an_environment_or_a_command(running: Production) -> None:
    secrets = {path.name: path.read_text().strip() for path in running.secrets.iterdir()}
    for part in PARTS:
        for name in running.containers(part):
            shown = json.dumps(json.loads(docker("inspect", name))[0]["Config"]) + docker("top", name, "-eo", "args")
            assert not [secret for secret, value in secrets.items() if value in shown], name


def test_all_dags_are_there_and_answered_over_tls(running: Production) -> None:
    dags = {one["dag_id"] for one in running.ask("GET", "/dags?limit=100")["dags"]}
    assert {str(one) for one in (Operation.APPLY, Operation.CREATE, Operation.HEAL)} <= dags
    assert running.ask("GET", "/importErrors")["import_errors"] == []
    outside = httpx.post(f"{running.http.base_url}execution/task-instances", verify=False)  # noqa: S501 (nothing is told)
    assert outside.status_code == 404


def test_a_plan_is_made_by_a_worker_and_its_log_is_kept_in_s3(running: Production, bare: Ground) -> None:
    (worker,) = running.containers("airflow-worker")
    network = json.loads(docker("inspect", container_name(bare.lab.name, "cp-1")))[0]["NetworkSettings"]["Networks"]
    docker("network", "connect", next(iter(network)), worker)
    try:
        conf = {"cluster": "e2e", "spec": bare.spec(), "plan_only": True, "allow_untested": True}
        run_id, state = running.run(Operation.APPLY, conf, timedelta(minutes=10))
    finally:
        docker("network", "disconnect", next(iter(network)), worker)

    assert state == "success"
    (s3,) = running.containers("s3")
    kept = docker("exec", s3, "find", "/srv/s3/airflow-logs", "-path", f"*run_id={run_id}*", "-name", "*.log").split()
    assert kept


def test_an_api_server_that_is_gone_is_not_missed(running: Production) -> None:
    first, _ = running.containers("airflow-apiserver")
    docker("stop", "--time", "0", first)
    try:
        # The proxy leads past it as soon as it has noticed.
        wait_for(lambda: running.http.get("/api/v2/dags").is_success, "the other API server answers")
        assert all(running.http.get("/api/v2/dags").is_success for _ in range(20))
    finally:
        docker("start", first)
