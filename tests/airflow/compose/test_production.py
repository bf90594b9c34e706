"""docker-compose.yaml as Docker Compose itself reads it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from windlass.domain.artifacts import Artifact
from windlass.mirror.cache import artifact_path

PROJECT = Path(__file__).resolve().parents[3]
REQUIRED = {
    "AIRFLOW_FERNET_KEY": "fernet-of-the-test",
    "AIRFLOW_JWT_SECRET": "jwt-of-the-test",
    "AIRFLOW_API_SECRET_KEY": "api-of-the-test",
    "POSTGRES_PASSWORD": "postgres-of-the-test",
    "REDIS_PASSWORD": "redis-of-the-test",
}
COMPONENTS = {"airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-worker"}


@pytest.fixture(scope="session")
def compose() -> Sequence[str]:
    """Docker's plugin, or the program of the mirror."""
    if shutil.which("docker"):
        plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        if plugin.returncode == 0:
            return ["docker", "compose"]
    program = artifact_path(Artifact("file", "docker-compose", "v2.40.3"))
    copy = Path(os.environ["AIRFLOW_HOME"]) / "docker-compose"  # the mirror keeps files without their x bit
    shutil.copy(program, copy)
    copy.chmod(0o755)
    return [str(copy)]


def configure(compose: Sequence[str], variables: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
    argv = [*compose, "--env-file", os.devnull, *options, "-f", str(PROJECT / "docker-compose.yaml"), "config"]
    return subprocess.run([*argv, "--format", "json"], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def services(compose: Sequence[str]) -> dict[str, Any]:
    done = configure(compose, REQUIRED, "--profile", "cli", "--profile", "flower")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


@pytest.mark.parametrize("missing", sorted(REQUIRED))
def test_a_missing_secret_stops_it_and_the_message_says_how_to_make_one(compose: Sequence[str], missing: str) -> None:
    given = {name: value for name, value in REQUIRED.items() if name != missing}

    done = configure(compose, given)

    assert done.returncode != 0
    assert missing in done.stderr
    assert "openssl rand" in done.stderr


def test_all_components_share_their_secrets_and_find_the_api(services: dict[str, Any]) -> None:
    for name in COMPONENTS:
        environment = services[name]["environment"]
        assert environment["AIRFLOW__CORE__FERNET_KEY"] == REQUIRED["AIRFLOW_FERNET_KEY"], name
        assert environment["AIRFLOW__API_AUTH__JWT_SECRET"] == REQUIRED["AIRFLOW_JWT_SECRET"], name
        assert environment["AIRFLOW__API__SECRET_KEY"] == REQUIRED["AIRFLOW_API_SECRET_KEY"], name
        assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://airflow-apiserver:8080/execution/"
        assert environment["AIRFLOW__CORE__AUTH_MANAGER"].endswith("FabAuthManager")


def test_workers_get_no_signal_past_their_own_shutdown(services: dict[str, Any]) -> None:
    assert services["airflow-worker"]["environment"]["DUMB_INIT_SETSID"] == "0"


def test_every_service_that_stays_is_health_checked_restarted_and_bounded(services: dict[str, Any]) -> None:
    staying = set(services) - {"airflow-init", "airflow-cli"}
    assert staying >= COMPONENTS | {"postgres", "redis", "flower"}
    for name in staying:
        assert services[name]["healthcheck"]["test"], name
        assert services[name]["restart"] == "unless-stopped", name
        assert services[name]["logging"]["options"]["max-size"], name


def test_no_secret_is_an_argument_and_nothing_is_published_beyond_this_machine(services: dict[str, Any]) -> None:
    words = json.dumps([[item.get("command"), item.get("healthcheck")] for item in services.values()])
    assert not [value for value in REQUIRED.values() if value in words]
    ports = [port for item in services.values() for port in item.get("ports", [])]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_the_image_has_the_airflow_that_is_pinned_and_all_requirements_hashed() -> None:
    pinned = re.search(r"^apache-airflow==(\S+)", (PROJECT / "requirements.txt").read_text(), re.MULTILINE)
    assert pinned
    assert f"-{pinned[1]}-python3.11" in (PROJECT / "docker/Dockerfile").read_text()
    assert "--require-hashes" in (PROJECT / "docker/Dockerfile").read_text()
