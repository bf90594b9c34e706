"""A thousand clusters in Windlass's pages: until the list can be used in a browser, and what its API takes to answer.

The store is a real S3 server on loopback, the pages are in Airflow's own API server, the browser is Debian's Chromium.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import sync_playwright

from bench.catalog import benchmark
from bench.cluster_end import wait_until
from bench.figure import Bar, Figure
from bench.local_servers import free_port, listens, running_s3, store_at
from bench.workbench import Workbench
from windlass.domain.apply.created import CreatedRecord
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.effects.store import AuthenticatedStore, ClusterRecords, Summarizer
from windlass.errors import NotReadyError

CLUSTERS = 1000
VIEWS = 5
"""How often the list is opened, after a first time that is not counted."""
ASKED = 20
"""How often each path of the API is asked in a round."""
ROUNDS = 3
_HOSTS = [{"name": f"cp-{n}", "address": f"10.0.0.{n}", "roles": ["etcd", "control-plane"]} for n in (1, 2, 3)]
_TO_BE_USED = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
"""Milliseconds since the browser began to ask; by then the page's own script has run, too."""


@benchmark("pages_1000")
def measure(_bench: Workbench) -> Iterator[Figure]:
    """Fill a store, serve it, and look at it as a person and as a program do."""
    master_key = new_master_key().reveal()
    with tempfile.TemporaryDirectory() as directory, running_s3(Path(directory)) as s3_port:
        _fill(s3_port, MasterKeys.parse(master_key))
        with _served(Path(directory), s3_port, master_key) as (url, headers):
            views = _seconds_until_used(f"{url}/windlass/", headers)
            slowest = tuple(_milliseconds_to_answer(f"{url}/windlass/api", headers) for _ in range(ROUNDS))
    yield Figure("pages_1000_clusters_s", "s", views, Bar(1, may_equal=True))
    yield Figure("pages_1000_api_p95_ms", "ms", slowest, Bar(200, may_equal=True))


def _fill(s3_port: int, keys: MasterKeys) -> None:
    """Write as many clusters of three hosts each, with what the watch has seen of them, and sum all of them up."""
    store, now = AuthenticatedStore.by(store_at(s3_port), keys), datetime.now(UTC)
    _ = store.installation  # which is made by whoever comes first

    def write(number: int) -> None:
        records = ClusterRecords(store, _name(number))
        records.save_spec(_spec(_name(number)))
        records.save_created(CreatedRecord(now, "bench"))
        records.save_status(_status(now, "unhealthy" if number % 100 == 0 else "healthy"))
        Summarizer(store).changed(_name(number))

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(write, range(CLUSTERS)))


def _name(number: int) -> str:
    return f"cluster-{number:04}"


def _spec(name: str) -> str:
    spec = {"kubernetes": {"version": "v1.37.2"}, "hosts": {"members": _HOSTS}}
    return json.dumps({"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": name}, "spec": spec})


def _status(now: datetime, word: str) -> dict[str, Any]:
    subjects = [
        {"host": host["name"], "component": component, "status": word, "since": now.isoformat(), "evidence": ""}
        for host in _HOSTS
        for component in ("etcd", "kube-apiserver", "kubelet")
    ]
    hosts = {host["name"]: True for host in _HOSTS}
    return {"observed": now.isoformat(), "hosts": hosts, "subjects": subjects, "findings": []}


@contextmanager
def _served(directory: Path, s3_port: int, master_key: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Run the server; its URL, and the headers of somebody who has logged in."""
    port = free_port()
    settings = {
        "AIRFLOW_HOME": str(directory / "airflow"),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    argv = [sys.executable, "-m", "bench.pages_server", str(port), str(s3_port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, env={**os.environ, **settings}) as server:
        if not (server.stdin and server.stdout):
            raise AssertionError("the process has pipes")
        server.stdin.write(f"{master_key}\n")
        server.stdin.flush()
        token = next((line.strip() for line in iter(server.stdout.readline, "") if line.startswith("eyJ")), "")
        if not token:
            raise NotReadyError("the API server ended; what it said is above")
        wait_until(lambda: listens(port), "the API server does not listen")
        yield f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"}
        server.stdin.close()


def _seconds_until_used(url: str, headers: dict[str, str]) -> tuple[float, ...]:
    with sync_playwright() as playwright:
        # As root it starts only without its sandbox; and it sees this server alone.
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        seconds = []
        for _ in range(VIEWS + 1):
            page = browser.new_context(extra_http_headers=headers).new_page()
            page.goto(url)
            page.get_by_role("link", name="cluster-0000").wait_for()
            seconds.append(page.evaluate(_TO_BE_USED) / 1000)
        browser.close()
    return tuple(seconds[1:])


def _milliseconds_to_answer(url: str, headers: dict[str, str]) -> float:
    """Return the 95th percentile of the slowest path."""
    paths = ("clusters?limit=60", "clusters?q=0500", "clusters?standing=ill", "clusters/cluster-0500")
    with httpx.Client(headers=headers, timeout=60) as client:
        return max(_percentile95([_milliseconds(client, f"{url}/{path}") for _ in range(ASKED)]) for path in paths)


def _milliseconds(client: httpx.Client, url: str) -> float:
    begun = time.monotonic()
    client.get(url).raise_for_status()
    return (time.monotonic() - begun) * 1000


def _percentile95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]
