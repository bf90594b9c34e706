"""A hundred workers that join at once: one run of `apply_cluster` on simulated hosts, over real SSH on loopback.

What Airflow takes between two tasks is not in it, and downloads do not get slower by each other; what the SSH servers
take of this machine is.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.workbench import Workbench, run_here
from windlass.errors import WindlassError

WORKERS = int(os.environ.get("WINDLASS_BENCH_WORKERS", "100"))
_ROOT = Path(__file__).parents[1]


@benchmark("workers_100_s")
def measure(_: Workbench) -> Iterator[Figure]:
    """Start the servers and the process of the run, and add up the seconds of its tasks."""
    with tempfile.TemporaryDirectory() as directory:
        took = _run(Path(directory))
    print(f"workers_100_s: {WORKERS} workers: {json.dumps(took)}", file=sys.stderr)
    yield Figure("workers_100_s", "s", (sum(took.values()),), Bar(240, may_equal=True))


def _run(directory: Path) -> dict[str, float]:
    for name in ("host", "login"):
        run_here(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)])
    host_key = " ".join((directory / "host.pub").read_text().split()[:2])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    servers = [sys.executable, "-m", "bench.loopback_sinks", port, str(directory / "host")]
    with subprocess.Popen(servers, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            if server.stdout is None or server.stdout.readline().strip() != "ready":
                raise WindlassError("the SSH servers did not start")
            return _join(port, host_key, directory)
        finally:
            server.kill()


def _join(port: str, host_key: str, directory: Path) -> dict[str, float]:
    argv = [sys.executable, "-m", "bench.joining_fleet", port, host_key, str(WORKERS)]
    paths = os.pathsep.join([str(_ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        argv,
        input=(directory / "login").read_text(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=_ROOT,
        env={
            **os.environ,
            "PYTHONPATH": paths,
            "AIRFLOW_HOME": str(directory),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        },
    )
    took: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return took
