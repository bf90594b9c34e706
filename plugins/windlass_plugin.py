"""What Airflow's plugin loader finds of Windlass.

Every process of Airflow imports this file, each task included: it must stay cheap. What needs more than the standard
library is imported where it is used.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class WindlassPlugin(AirflowPlugin):
    """Registers Windlass with Airflow."""

    name = "windlass"
