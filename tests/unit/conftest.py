"""What every unit test has: it reaches no Airflow of this machine."""

from __future__ import annotations

import os
import tempfile

# A command that names no Airflow takes the only one that runs here, unless the environment speaks of another: no test
# may start something in whatever somebody has running.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="windlass-unit-tests-"))
