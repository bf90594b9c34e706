"""docker-compose.yaml as Docker Compose itself reads it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tools.production.compose import compose_program

from windlass.cli.production.init import write_setup
from windlass.cli.production.wishes import Wishes, parse_settings

PROJECT = Path(__file__).resolve().parents[3]
DOCKERFILE = (PROJECT / "docker/Dockerfile").read_text()
REQUIRED = {"WINDLASS_SECRETS": "/secrets-of-the-test"}
COMPONENTS = {"airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-worker"}


@pytest.fixture(scope="session")
def compose() -> Sequence[str]:
    """Docker's plugin, or the program of the mirror."""
    return compose_program()


def configure(compose: Sequence[str], variables: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
    argv = [*compose, "--env-file", os.devnull, *options, "-f", str(PROJECT / "docker-compose.yaml"), "config"]
    return subprocess.run([*argv, "--format", "json"], env=environment, capture_output=True, text=True, check=False)


def document_with(compose: Sequence[str], variables: dict[str, str]) -> dict[str, Any]:
    done = configure(compose, variables, "--profile", "*")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def services_with(compose: Sequence[str], variables: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = document_with(compose, variables)["services"]
    return found


@pytest.fixture
def services(compose: Sequence[str]) -> dict[str, Any]:
    return services_with(compose, REQUIRED)


def test_without_secrets_it_stops_and_the_message_says_what_writes_them(compose: Sequence[str]) -> None:
    done = configure(compose, {})

    assert done.returncode != 0
    assert "windlass production init" in done.stderr


def test_the_command_writes_every_file_that_is_named(compose: Sequence[str], tmp_path: Path) -> None:
    write_setup(tmp_path, Wishes("localhost", 8443))
    document = document_with(compose, parse_settings((tmp_path / ".env").read_text()))

    named = {Path(one["file"]).name for one in document["secrets"].values()}
    assert named == {path.name for path in (tmp_path / "secrets").iterdir()} - {"ca.pem", "ca.key"}


def test_all_components_find_the_api_behind_the_proxy(services: dict[str, Any]) -> None:
    for name in COMPONENTS:
        environment = services[name]["environment"]
        assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://proxy:8080/execution/"
        assert environment["AIRFLOW__CORE__AUTH_MANAGER"].endswith("FabAuthManager")
    assert {"front"} <= set(services["proxy"]["networks"]) & set(services["airflow-worker"]["networks"])


SECRETS = {
    "fernet_key": {*COMPONENTS, "airflow-init", "airflow-cli"},
    "database_url": {*COMPONENTS, "airflow-init", "airflow-cli"},
    "jwt_secret": {"airflow-apiserver", "airflow-scheduler", "airflow-init", "airflow-cli"},
    "api_secret_key": {"airflow-apiserver", "airflow-triggerer", "airflow-worker", "airflow-init", "airflow-cli"},
    "broker_url": {"airflow-scheduler", "airflow-worker", "airflow-cli", "flower"},
    "postgres_password": {"postgres"},
    "redis_password": {"redis"},
    "s3_secret_key": {"s3"},
    "admin_password": {"airflow-init"},
    "tls.pem": {"proxy"},
    "connections_apiserver": {"airflow-apiserver"},
    "connections_triggerer": {"airflow-triggerer"},
    "connections_worker": {"airflow-worker", "airflow-cli"},
}
"""Who is handed which file."""


def test_each_secret_goes_to_who_works_with_it(services: dict[str, Any]) -> None:
    holders: dict[str, set[str]] = {}
    for name, item in services.items():
        for secret in item.get("secrets", []):
            holders.setdefault(secret["source"], set()).add(name)
    assert holders == SECRETS


def test_what_is_read_from_a_file_is_a_file_that_is_handed_over(services: dict[str, Any]) -> None:
    for name, item in services.items():
        text = json.dumps([item.get("command"), item.get("environment"), item.get("healthcheck")])
        read = set(re.findall(r"/run/secrets/([a-z0-9_]+(?:\.json)?)", text))
        handed = {Path(one.get("target") or one["source"]).name for one in item.get("secrets", [])}
        assert read <= handed, name


def test_no_environment_holds_a_secret(compose: Sequence[str], tmp_path: Path) -> None:
    write_setup(tmp_path, Wishes("localhost", 8443))
    text = json.dumps(document_with(compose, parse_settings((tmp_path / ".env").read_text())))
    assert not [path.name for path in (tmp_path / "secrets").iterdir() if path.read_text().strip() in text]


def test_two_of_what_must_not_be_missed_run(services: dict[str, Any]) -> None:
    replicas = {name: item.get("deploy", {}).get("replicas", 1) for name, item in services.items()}
    for name in ("airflow-scheduler", "airflow-triggerer", "airflow-apiserver"):
        assert replicas[name] == 2


def test_workers_get_no_signal_past_their_own_shutdown(services: dict[str, Any]) -> None:
    assert services["airflow-worker"]["environment"]["DUMB_INIT_SETSID"] == "0"


def test_every_service_that_stays_is_health_checked_restarted_and_bounded(services: dict[str, Any]) -> None:
    staying = set(services) - {"airflow-init", "airflow-cli"}
    assert staying >= COMPONENTS | {"postgres", "redis", "flower"}
    for name in staying:
        assert services[name]["healthcheck"]["test"], name
        assert services[name]["restart"] == "unless-stopped", name
        assert services[name]["logging"]["options"]["max-size"], name
        limits = services[name]["deploy"]["resources"]["limits"]
        assert limits["memory"], name
        assert limits["pids"], name


def test_nothing_is_published_beyond_this_machine_unless_it_is_told(services: dict[str, Any]) -> None:
    ports = [port for item in services.values() for port in item.get("ports", [])]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_database_and_queue_are_networks_of_their_own_that_lead_nowhere(compose: Sequence[str]) -> None:
    document = document_with(compose, REQUIRED)
    members = {
        network: {name for name, item in document["services"].items() if network in item["networks"]}
        for network in document["networks"]
    }

    assert members == {
        "database": {"postgres", "airflow-init", "airflow-cli"} | COMPONENTS,
        "broker": {"redis", "airflow-scheduler", "airflow-worker", "airflow-cli", "flower"},
        "storage": {"s3", "airflow-apiserver", "airflow-triggerer", "airflow-worker", "airflow-cli"},
        "front": {"proxy", "airflow-apiserver", "airflow-worker", "airflow-cli"},
        "web": {"proxy", "airflow-apiserver", "airflow-triggerer", "airflow-worker", "airflow-cli"},
        "flower": {"flower"},
    }
    inside = {"database", "broker", "storage", "front"}
    assert {name for name, one in document["networks"].items() if one.get("internal")} == inside


def test_every_password_has_its_network(services: dict[str, Any]) -> None:
    for item in services.values():
        handed = {one["source"] for one in item.get("secrets", [])}
        assert bool(handed & {"database_url", "postgres_password"}) == ("database" in item["networks"])
        assert bool(handed & {"broker_url", "redis_password"}) == ("broker" in item["networks"])


def test_images_are_named_by_full_version_and_may_be_held_by_digest(compose: Sequence[str]) -> None:
    services = services_with(compose, REQUIRED)
    for name in ("postgres", "redis"):
        assert re.fullmatch(rf"{name}:[0-9]+\.[0-9]+(\.[0-9]+)?-[a-z]+", services[name]["image"])
    assert re.search(
        r":slim-[0-9]+\.[0-9]+\.[0-9]+-python", services["airflow-worker"]["build"]["args"]["AIRFLOW_IMAGE"]
    )

    digest = f"x@sha256:{'a' * 64}"
    held = services_with(
        compose, {**REQUIRED, **dict.fromkeys(("POSTGRES_IMAGE", "REDIS_IMAGE", "AIRFLOW_IMAGE"), digest)}
    )
    assert held["postgres"]["image"] == held["redis"]["image"] == digest
    assert {item["build"]["args"]["AIRFLOW_IMAGE"] for item in held.values() if "build" in item} == {digest}


def test_the_image_has_the_airflow_that_is_pinned() -> None:
    pinned = re.search(r"^apache-airflow==(\S+)", (PROJECT / "requirements.txt").read_text(), re.MULTILINE)
    assert pinned
    assert f"-{pinned[1]}-python3.11" in DOCKERFILE
    assert f"-{pinned[1]}-python3.11" in (PROJECT / "docker-compose.yaml").read_text()


def test_whatever_is_installed_is_pinned_with_hashes_or_built_here_from_what_is() -> None:
    installs = re.findall(r"-m pip (?:install|wheel) ([^&\n]*)", DOCKERFILE)
    assert len(installs) == 5
    for words in installs:
        assert "--require-hashes -r " in words or {"--no-deps", "--no-index"} <= set(words.split()), words
        assert "--editable" not in words
    assert "--no-build-isolation" in DOCKERFILE
    tools = (PROJECT / "requirements-build.txt").read_text()
    assert re.match(r"setuptools==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", tools)
    assert tools.split(" ")[0] in (PROJECT / "requirements.txt").read_text()


def test_the_code_belongs_to_root_and_runs_as_another_user() -> None:
    build, final = DOCKERFILE.split("\nFROM ")[1:]
    assert "RUN chmod -R u=rwX,go=rX /build/source \\\n" in build
    copies = re.findall(r"^COPY .*", final, re.MULTILINE)
    assert copies == ["COPY --from=build --chown=root:root /opt/windlass /opt/windlass"]
    assert "RUN " not in final
    assert re.findall(r"^USER .*", final, re.MULTILINE) == ["USER airflow"]


def test_settings_of_a_file_reach_every_component_of_airflow_and_no_other(
    compose: Sequence[str], tmp_path: Path
) -> None:
    file = tmp_path / "airflow.env"
    file.write_text("AIRFLOW__WINDLASS__CONNECTIONS=listed\nWINDLASS_WATCH_SHARDS=3\n")
    given = services_with(compose, {**REQUIRED, "WINDLASS_ENV_FILE": str(file)})
    told = {name for name, item in given.items() if "WINDLASS_WATCH_SHARDS" in (item.get("environment") or {})}
    assert told == {*COMPONENTS, "airflow-init", "airflow-cli"}


def test_the_executor_loads_with_the_celery_that_is_pinned() -> None:
    from airflow.providers.celery.executors import celery_executor_utils  # noqa: PLC0415 (it fails where it is broken)

    assert celery_executor_utils.get_celery_configuration()
