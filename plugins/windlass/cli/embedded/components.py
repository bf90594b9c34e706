"""What runs in each process of an embedded Airflow, after it was forked from the runner.

The runner imports Airflow and this package once, and every component is a fork of it: memory is shared, and a task,
which LocalExecutor forks from the scheduler, starts with everything already imported.
"""

from __future__ import annotations

import ctypes
import importlib
import logging
import os
import pkgutil
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from setproctitle import setproctitle

from windlass.errors import WindlassError

_LOG = logging.getLogger(__name__)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server", "--workers", "1", "--worker-timeout", "10"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
"""Component to the words of the `airflow` command that runs it."""

_AIRFLOW_MODULES = (
    "airflow.api_fastapi.app",
    "airflow.api_fastapi.core_api.app",
    "airflow.api_fastapi.execution_api.app",
    "airflow.cli.cli_parser",
    "airflow.cli.commands.api_server_command",
    "airflow.cli.commands.dag_processor_command",
    "airflow.cli.commands.scheduler_command",
    "airflow.cli.commands.triggerer_command",
    "airflow.executors.local_executor",
    "airflow.models.dagbag",
    "airflow.providers.standard.operators.hitl",
    "airflow.providers.standard.operators.python",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
)
_LAYERS = ("windlass.domain", "windlass.effects", "windlass.operations", "windlass.airflow")


def _own_modules() -> Iterator[str]:
    for layer in _LAYERS:
        package = importlib.import_module(layer)
        yield from (found.name for found in pkgutil.walk_packages(package.__path__, f"{layer}."))


def preload() -> None:
    """Import and read what the components and the tasks need; what cannot be is reported when it is used."""
    for name in (*_AIRFLOW_MODULES, *_own_modules()):
        try:
            importlib.import_module(name)
        except ImportError:
            _LOG.warning("%s cannot be imported ahead", name, exc_info=True)
    try:
        importlib.import_module("windlass.airflow.warming").warm_up()
    except (ImportError, WindlassError):
        _LOG.warning("tasks will have to read the catalog themselves", exc_info=True)


def adopt_orphans() -> None:
    """Make this process the parent of every process below it whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _die_with_parent() -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _redirect_output(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def migrate_database(log: Path) -> None:
    """Bring the database to this Airflow's schema; runs in a process of its own."""
    _die_with_parent()
    _redirect_output(log)
    from airflow.utils import db  # reads its configuration from the environment on import

    db.initdb()


def run_component(name: str, log: Path) -> None:
    """Turn this process into one component of Airflow; returns when the component ends."""
    _die_with_parent()
    _redirect_output(log)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    from airflow.cli import cli_parser  # reads its configuration from the environment on import

    setproctitle(f"windlass-airflow {name}")
    words = list(COMPONENTS[name])
    if name == "api-server":
        words += ["--host", os.environ["AIRFLOW__API__HOST"], "--port", os.environ["AIRFLOW__API__PORT"]]
    sys.argv = ["airflow", *words]
    arguments = cli_parser.get_parser().parse_args(words)
    arguments.func(arguments)
