"""How long a failure lasts: from the end of an API server or an etcd member until it answers again, by itself.

All of it counts: the watch that notices, Airflow's way to a run, and the run that looks, acts and starts it. When each
of these was done stands on stderr.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.watched import HOSTS, Watched, watched_cluster
from bench.workbench import Workbench
from windlass.domain.host.layout import API_PORT, ETCD_STATUS_PORT

ROUNDS = 5
_SETTLED_SECONDS = 3
_LOOK_SECONDS = 0.2
"""A look costs the machine that is to do the work."""
_HEALTH = f"curl -fsS --max-time 1 http://127.0.0.1:{ETCD_STATUS_PORT}/readyz >/dev/null 2>&1 && echo ok || true"
_KILL = "docker kill windlass-{0} >/dev/null"

IsBack = Callable[[Watched, str], bool]


@benchmark("heal")
def heal_api_server(bench: Workbench) -> Iterator[Figure]:
    """End an API server by `docker kill`, until it is ready."""
    yield Figure("heal_api_server_s", "s", _rounds(bench, _KILL.format("kube-apiserver"), _is_api_ready), Bar(20))


@benchmark("heal_etcd")
def heal_etcd(bench: Workbench) -> Iterator[Figure]:
    """End a member of etcd by `docker kill`, until it serves."""
    yield Figure("heal_etcd_s", "s", _rounds(bench, _KILL.format("etcd"), _is_member_ready), Bar(45))


@benchmark("heal_etcd_without_data")
def heal_etcd_without_data(bench: Workbench) -> Iterator[Figure]:
    """End a member of etcd and delete its data, until another in its place serves."""
    lose = f"{_KILL.format('etcd')}; rm -rf /var/lib/windlass/etcd/member"
    yield Figure("heal_etcd_without_data_s", "s", _rounds(bench, lose, _is_member_ready), Bar(45))


def _rounds(bench: Workbench, failure: str, is_back: IsBack) -> tuple[float, ...]:
    watched = watched_cluster(bench.cleanup)
    watched.repair(is_on=True)
    return tuple(_round(watched, HOSTS[turn % len(HOSTS)], failure, is_back) for turn in range(ROUNDS))


def _round(watched: Watched, host: str, failure: str, is_back: IsBack) -> float:
    watched.until_calm()
    time.sleep(_SETTLED_SECONDS)  # a failure right after the last one would meet a container that is still starting
    began, started = datetime.now(UTC), time.monotonic()
    watched.on(host, failure)
    # What is killed may answer for a moment after the command has ended.
    watched.until(lambda: not is_back(watched, host), f"{host} is down")
    watched.until(lambda: is_back(watched, host), f"{host} is back", _LOOK_SECONDS)
    took = time.monotonic() - started
    print(f"{host}: {_course(watched, began)}back after {took:.1f} s", file=sys.stderr, flush=True)
    return took


def _course(watched: Watched, began: datetime) -> str:
    """Say after how long it was found and acted upon; what the service log does not have is left out."""
    told = ""
    for message, key in (("found", "finding"), ("acted on", "act")):
        first = next((one for one in watched.events_since(began) if key in one.details), None)
        told += f"{message} after {(first.time - began).total_seconds():.1f} s, " if first else ""
    return told


def _is_api_ready(watched: Watched, host: str) -> bool:
    try:
        url = f"https://{watched.stand.lab.host(host).address}:{API_PORT}/readyz"
        return httpx.get(url, verify=False, timeout=1, trust_env=False).text == "ok"  # noqa: S501 (is it there at all)
    except httpx.HTTPError:
        return False


def _is_member_ready(watched: Watched, host: str) -> bool:
    return watched.on(host, _HEALTH).strip() == "ok"
