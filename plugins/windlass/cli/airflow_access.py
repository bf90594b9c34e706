"""Which Airflow a command works with: an embedded one by its name, or one that the environment names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from windlass.cli.embedded import instance
from windlass.cli.embedded.client import AirflowClient
from windlass.cli.embedded.layout import Home
from windlass.cli.embedded.secret_files import login
from windlass.errors import SpecError, UnreachableError

URL, USER, PASSWORD = "WINDLASS_AIRFLOW_URL", "WINDLASS_AIRFLOW_USER", "WINDLASS_AIRFLOW_PASSWORD"
HELP = f"an embedded Airflow (default: {URL}, {USER} and {PASSWORD} name one)"


def open_client(name: str | None) -> AirflowClient:
    """Return a client of the embedded Airflow `name`, or of the one that the environment names."""
    if name:
        home = Home.of(name)
        running = instance.status(home)
        if running is None:
            raise UnreachableError(f"the embedded Airflow {name} does not run; start it: `windlass airflow up`")
        return AirflowClient(running.url, *login(home))
    return AirflowClient(*(_setting(os.environ, key) for key in (URL, USER, PASSWORD)))


def take_connections(name: str | None) -> None:
    """Put the connections of the embedded Airflow `name` into this process's environment; without one, leave it."""
    if not name:
        return
    file = Home.of(name).environment
    if not file.exists():
        raise SpecError(f"there is no embedded Airflow called {name} ({file} does not exist)")
    environment: dict[str, str] = json.loads(file.read_text())
    os.environ.update(environment)


def _setting(environment: Mapping[str, str], key: str) -> str:
    if not environment.get(key):
        raise SpecError(f"which Airflow? Give --airflow NAME for an embedded one, or set {URL}, {USER} and {PASSWORD}")
    return environment[key]
