"""A thousand clusters watched by one process: what that costs, and how fast a failure is still noticed.

The trigger is the real one, and so is the store: an S3 server on loopback, in a process of its own, whose CPU does not
count. Some hosts are real SSH servers on loopback, the others answer over the fake transport; what is behind both is
simulated. WINDLASS_BENCH_CLUSTERS and WINDLASS_BENCH_REAL change how many clusters there are in all, and how many of
them have real SSH servers; WINDLASS_BENCH_SECONDS for how long the cost is taken.
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
from typing import Any

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.local_servers import running_s3
from bench.watched_fleet import INTERVAL, THRESHOLD
from bench.workbench import Workbench, run_here
from windlass.errors import WindlassError

CLUSTERS = int(os.environ.get("WINDLASS_BENCH_CLUSTERS", "1000"))
REAL = int(os.environ.get("WINDLASS_BENCH_REAL", "50"))
SECONDS = float(os.environ.get("WINDLASS_BENCH_SECONDS", "60"))
NOTICE = INTERVAL * THRESHOLD + 3


@benchmark("thousand_clusters")
def measure(_bench: Workbench) -> Iterator[Figure]:
    """Start the servers and the watcher, and hand on what the watcher measured."""
    with tempfile.TemporaryDirectory() as directory, running_s3(Path(directory)) as s3_port:
        result = _run(Path(directory), s3_port)
    shown = {name: value for name, value in result.items() if name != "delays"}
    print(f"thousand_clusters: {CLUSTERS} clusters of 3 + 3 hosts: {json.dumps(shown)}", file=sys.stderr)
    if result["false"]:
        raise WindlassError(f"{result['false']} findings were about nothing")
    for kind in ("real", "fake"):
        yield Figure(f"thousand_clusters_{kind}_hosts", "hosts", (float(result[f"{kind}_hosts"]),))
    yield Figure("thousand_clusters_cores", "cores", (result["cores"],), Bar(1))
    yield Figure("thousand_clusters_store_calls_per_s", "calls/s", (result["store_calls_per_s"],))
    yield Figure("thousand_clusters_rss_mib", "MiB", (result["rss_mib"],), Bar(1024))
    for kind, delays in result["delays"].items():
        if delays:
            yield Figure(f"thousand_clusters_notice_{kind}_s", "s", (max(delays),), Bar(NOTICE, may_equal=True))


def _run(directory: Path, s3_port: int) -> dict[str, Any]:
    for name in ("host", "login"):
        run_here(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)])
    host_key = " ".join((directory / "host.pub").read_text().split()[:2])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    server_argv = [sys.executable, "-m", "bench.loopback_hosts", port, str(directory / "host")]
    numbers = map(str, (CLUSTERS, REAL, SECONDS, s3_port))
    watcher_argv = [sys.executable, "-m", "bench.watched_fleet", port, host_key, *numbers]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(server_argv, stdin=pipe, stdout=pipe, text=True) as server,
        subprocess.Popen(watcher_argv, stdin=pipe, stdout=pipe, text=True) as watcher,
    ):
        try:
            return _talk(server, watcher, (directory / "login").read_text())
        finally:
            watcher.kill()
            server.kill()


def _talk(server: subprocess.Popen[str], watcher: subprocess.Popen[str], login_key: str) -> dict[str, Any]:
    """Hand the watcher's wishes to the servers, until it has its result."""
    if not (server.stdin and server.stdout and watcher.stdin and watcher.stdout):
        raise AssertionError("the processes have pipes")
    if server.stdout.readline().strip() != "ready":
        raise WindlassError("the SSH servers did not start")
    watcher.stdin.write(login_key)
    watcher.stdin.close()
    for line in watcher.stdout:
        message, _, rest = line.partition(" ")
        if message == "result":
            return dict(json.loads(rest))
        if message in {"end", "mend"}:
            server.stdin.write(line)
            server.stdin.flush()
    raise WindlassError("the watcher ended without a result; what it said is above")
