"""The set-up for production beside a lab: started from nothing in a project of its own, asked over TLS, taken away."""

from __future__ import annotations

import socket
import ssl
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from tools.production.__main__ import down, up

from e2e.ground import wait_for
from windlass.cli.production.init import set_settings, write_setup
from windlass.cli.production.wishes import Wishes
from windlass_lab.docker import docker


@dataclass(frozen=True)
class Production:
    """One that runs, and a login to it."""

    project: str
    secrets: Path
    http: httpx.Client

    def containers(self, service: str) -> list[str]:
        """Name the containers of a service."""
        options = (f"label=com.docker.compose.project={self.project}", f"label=com.docker.compose.service={service}")
        filters = [word for option in options for word in ("--filter", option)]
        return docker("container", "ls", *filters, "--format", "{{.Names}}").split()

    def ask(self, method: str, path: str, **request: Any) -> Any:
        """Ask its API, and return what it answers; AssertionError if it refuses."""
        answer = self.http.request(method, f"/api/v2{path}", **request)
        assert answer.is_success, answer.text
        return answer.json()

    def run(self, dag_id: str, conf: Mapping[str, Any], within: timedelta) -> tuple[str, str]:
        """Trigger a run and wait for its end; return its id and how it ended."""
        run_id = f"{dag_id}-{uuid.uuid4().hex[:8]}"
        self.ask(
            "POST", f"/dags/{dag_id}/dagRuns", json={"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        )

        def end() -> str:
            state: str = self.ask("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
            return state if state in {"success", "failed"} else ""

        return run_id, wait_for(end, f"{dag_id} ends", within)

    def log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return what a task wrote, as the pages show it."""
        found = self.ask("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/1")
        return "\n".join(str(line) for line in found["content"])


@contextmanager
def production(directory: Path, ssh_user: str, ssh_key: str) -> Iterator[Production]:
    """Start one whose files lie in a directory, and take it away with all that it keeps."""
    project, port, secrets, env = (
        f"production-{uuid.uuid4().hex[:8]}",
        _free_port(),
        directory / "secrets",
        directory / ".env",
    )
    listen = {"AIRFLOW_LISTEN": f"127.0.0.1:{port}", "AIRFLOW_BASE_URL": f"https://localhost:{port}"}
    set_settings(env, {"COMPOSE_PROJECT_NAME": project, "WINDLASS_SECRETS": str(secrets), **listen})
    write_setup(directory, Wishes("localhost", port, ssh_user=ssh_user, ssh_key=ssh_key))
    try:
        up(env)
        trust = ssl.create_default_context(cafile=str(secrets / "ca.pem"))
        with httpx.Client(base_url=f"https://localhost:{port}", verify=trust, timeout=60) as http:
            login = {"username": "admin", "password": (secrets / "admin_password").read_text()}
            answer = http.post("/auth/token", json=login)
            http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
            yield Production(project, secrets, http)
    finally:
        down(env, purge=True)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
