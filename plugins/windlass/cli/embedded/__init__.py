"""An Airflow of one's own: its components, its Postgres and its secrets, started and stopped as one."""

from __future__ import annotations

from windlass.cli.embedded.client import AirflowClient, RunState, TaskView
from windlass.cli.embedded.instance import Running, down, status, up
from windlass.cli.embedded.layout import Home, Settings

__all__ = ["AirflowClient", "Home", "RunState", "Running", "Settings", "TaskView", "down", "status", "up"]
