"""One embedded Airflow for all tests here: a real one, on a real Postgres."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from windlass.cli.embedded.client import AirflowClient
from windlass.cli.embedded.instance import down, up
from windlass.cli.embedded.layout import Home, Settings
from windlass.cli.embedded.secret_files import login

DAGS = Path(__file__).parent / "dags"
LIMIT = timedelta(minutes=6)
CONNECTION_PASSWORD = "p4ssword-of-the-trial-connection"
SETTINGS = Settings(
    dags=DAGS,
    connections={"trial": json.dumps({"conn_type": "generic", "host": "nowhere", "password": CONNECTION_PASSWORD})},
)


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    # Not below pytest's own directory: another run of pytest may delete that while this one goes on.
    with tempfile.TemporaryDirectory(prefix="windlass-trial-") as directory:
        trial = Home(Path(directory) / "airflow" / "trial")
        try:
            up(trial, SETTINGS)
            yield trial
        finally:
            down(trial, purge=True)


@pytest.fixture
def client(home: Home) -> Iterator[AirflowClient]:
    """A client of the running Airflow; a test before this one may have stopped it."""
    running = up(home, SETTINGS)
    with AirflowClient(running.url, *login(home)) as connected:
        connected.wait_for_dag("hold", within=LIMIT)
        yield connected


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT.total_seconds()
    while not condition():
        assert time.monotonic() < deadline, f"not within {LIMIT}: {what}"
        time.sleep(0.1)
