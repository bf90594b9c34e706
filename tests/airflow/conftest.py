"""What every test with Airflow needs: a home of its own, and quiet about Airflow's own deprecations."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

import pytest

# Airflow reads its configuration when it is imported, which collection does: it must be set before.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="windlass-airflow-tests-")
os.environ["AIRFLOW__API_AUTH__JWT_SECRET"] = secrets.token_hex(64)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(Path(os.environ["AIRFLOW_HOME"]) / "plugins")

_AIRFLOWS_OWN_WARNINGS = (
    # Airflow's FastAPI application imports Starlette's test client.
    "ignore:Using `httpx` with `starlette.testclient` is deprecated",
    # Airflow reads .airflowignore files by pathspec's old class.
    "ignore:GitWildMatchPattern:DeprecationWarning",
)


def pytest_configure(config: pytest.Config) -> None:
    """Let those warnings pass that Airflow raises about itself; every other one is an error."""
    for line in _AIRFLOWS_OWN_WARNINGS:
        config.addinivalue_line("filterwarnings", line)
