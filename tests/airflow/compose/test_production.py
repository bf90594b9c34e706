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
DOCKERFILE = (PROJECT / "docker/Dockerfile").read_text()
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


def document_with(compose: Sequence[str], variables: dict[str, str]) -> dict[str, Any]:
    done = configure(compose, variables, "--profile", "cli", "--profile", "flower")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def services_with(compose: Sequence[str], variables: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = document_with(compose, variables)["services"]
    return found


@pytest.fixture
def services(compose: Sequence[str]) -> dict[str, Any]:
    return services_with(compose, REQUIRED)


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


CONNECTIONS = {
    "AIRFLOW_CONN_WINDLASS_STORE": {"airflow-apiserver", "airflow-triggerer", "airflow-worker", "airflow-cli"},
    "AIRFLOW_CONN_WINDLASS_SSH": {"airflow-triggerer", "airflow-worker", "airflow-cli"},
    "AIRFLOW_CONN_WINDLASS_MASTER_KEY": {"airflow-worker", "airflow-cli"},
    "AIRFLOW_CONN_WINDLASS_RECORD_KEY": {"airflow-triggerer"},
    "AIRFLOW_CONN_WINDLASS_READING_KEY": {"airflow-apiserver"},
    "AIRFLOW_CONN_WINDLASS_PEOPLE_KEY": {"airflow-apiserver"},
}
"""Who is handed what opens clusters."""


@pytest.mark.parametrize("name", CONNECTIONS)
def test_what_opens_clusters_goes_to_who_works_with_it(compose: Sequence[str], name: str) -> None:
    given = services_with(compose, {**REQUIRED, name: "secret-of-the-test"})

    assert {one for one, item in given.items() if "secret-of-the-test" in json.dumps(item)} == CONNECTIONS[name]


def test_passwords_of_database_and_queue_go_to_who_works_with_them(services: dict[str, Any]) -> None:
    def holders(secret: str) -> set[str]:
        return {name for name, item in services.items() if REQUIRED[secret] in json.dumps(item)}

    assert holders("POSTGRES_PASSWORD") == {"postgres", "airflow-init", "airflow-cli"} | COMPONENTS
    assert holders("REDIS_PASSWORD") == {"redis", "airflow-scheduler", "airflow-worker", "airflow-cli", "flower"}


def test_database_and_queue_are_networks_of_their_own_that_lead_nowhere(compose: Sequence[str]) -> None:
    document = document_with(compose, REQUIRED)
    members = {
        network: {name for name, item in document["services"].items() if network in item["networks"]}
        for network in document["networks"]
    }

    assert members == {
        "database": {"postgres", "airflow-init", "airflow-cli"} | COMPONENTS,
        "broker": {"redis", "airflow-scheduler", "airflow-worker", "airflow-cli", "flower"},
        "web": {"airflow-apiserver", "airflow-triggerer", "airflow-worker", "airflow-cli"},
        "flower": {"flower"},
    }
    assert {name for name, one in document["networks"].items() if one.get("internal")} == {"database", "broker"}


def test_every_password_has_its_network(compose: Sequence[str]) -> None:
    for item in document_with(compose, REQUIRED)["services"].values():
        text = json.dumps(item)
        assert (REQUIRED["POSTGRES_PASSWORD"] in text) == ("database" in item["networks"])
        assert (REQUIRED["REDIS_PASSWORD"] in text) == ("broker" in item["networks"])


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
    assert len(installs) == 4
    for words in installs:
        assert "--require-hashes -r " in words or {"--no-deps", "--no-index"} <= set(words.split()), words
        assert "--editable" not in words
    assert "--no-build-isolation" in DOCKERFILE
    tools = (PROJECT / "requirements-build.txt").read_text()
    assert re.match(r"setuptools==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", tools)
    assert tools.split(" ")[0] in (PROJECT / "requirements.txt").read_text()


def test_the_code_belongs_to_root_and_runs_as_another_user() -> None:
    build, final = DOCKERFILE.split("\nFROM ")[1:]
    assert build.rstrip().endswith("RUN chmod -R u=rwX,go=rX /opt/windlass")
    copies = re.findall(r"^COPY .*", final, re.MULTILINE)
    assert copies == ["COPY --from=build --chown=root:root /opt/windlass /opt/windlass"]
    assert "RUN " not in final
    assert re.findall(r"^USER .*", final, re.MULTILINE) == ["USER airflow"]


def test_every_option_of_windlass_can_be_set_from_outside(compose: Sequence[str]) -> None:
    sources = "\n".join(path.read_text() for path in (PROJECT / "plugins/windlass").rglob("*.py"))
    options = set(re.findall(r'conf\.get\w*\(\s*"windlass",\s*"(\w+)"', sources))
    assert options >= {"connections", "notifiers"}
    given = {f"AIRFLOW__WINDLASS__{option.upper()}": f"{option}-of-the-test" for option in options}
    given |= {"WINDLASS_WATCH_SHARDS": "3", "WINDLASS_SYNC_SCHEDULE": "*/5 * * * *"}
    told, untold = services_with(compose, {**REQUIRED, **given}), services_with(compose, REQUIRED)
    for name in COMPONENTS:
        assert given.items() <= told[name]["environment"].items()
        assert not any(untold[name]["environment"].get(one) for one in given)


def test_the_api_server_believes_the_proxy_that_is_named_that_it_is_asked_by_tls(compose: Sequence[str]) -> None:
    def believed(variables: dict[str, str]) -> str:
        return str(services_with(compose, variables)["airflow-apiserver"]["environment"]["FORWARDED_ALLOW_IPS"])

    assert believed(REQUIRED) == "127.0.0.1"
    assert believed({**REQUIRED, "AIRFLOW_PROXY": "172.16.0.0/12"}) == "172.16.0.0/12"
