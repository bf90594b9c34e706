"""What one backup costs beside Airflow's own and etcd's work: requests to the store and processor time.

The run is the DAG's own, over hosts and a store in memory (tests/world/backup_cost.py): no lab is needed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.catalog import benchmark
from bench.figure import Figure
from bench.workbench import Workbench

ROOT = Path(__file__).parents[1]


@benchmark("backup_cost")
def measure(_bench: Workbench) -> Iterator[Figure]:
    """Measure a dozen runs, and give the median."""
    with tempfile.TemporaryDirectory() as home:
        path = os.pathsep.join((str(ROOT / "tests"), str(ROOT), os.environ.get("PYTHONPATH", "")))
        said = subprocess.run(
            [sys.executable, "-m", "world.backup_cost"],
            env={**os.environ, "AIRFLOW_HOME": home, "PYTHONPATH": path},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    costs = json.loads(said.strip().splitlines()[-1])
    yield Figure("backup_run_store_requests", "requests", (costs["run"]["requests"],))
    yield Figure("backup_run_cpu_ms", "ms", (costs["run"]["cpu_ms"],))
    yield Figure("backup_look_store_requests", "requests", (costs["look"]["requests"],))
