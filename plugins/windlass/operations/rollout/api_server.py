"""Change one API server behind the proxies: it drains, comes back, and must stay ready before the next one goes."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

from windlass.domain.host.layout import API_PORT, API_SERVER, API_SERVER_NAME, PKI, PROXY_STATUS_PORT
from windlass.domain.scripts.curl import CurlProbe
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.errors import RefusedError, WindlassError
from windlass.operations.cluster import Changes
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.stacks import StackPart, always, change_part
from windlass.operations.waiting import wait_until

_OTHERS = timedelta(seconds=30)
_ASK, _ANSWERS = timedelta(seconds=10), timedelta(seconds=5)
_ENDS = 5


def change_api_server(rollout: RolloutContext, host: str, *, stops: bool, recreates: bool = False) -> Changes:
    """Change the API server on `host`; the others must be up for all proxies before, and this one after.

    `stops` says whether it does stop for that: one that was changed already is only waited for. `recreates` has it
    start again though it is as rendered, since what it has read is another by now.
    """
    clock = rollout.session.clock
    others = [one.name for one in rollout.session.cluster.hosts_with("control-plane") if one.name != host]
    if others and stops:
        wait_until(lambda: check_others(rollout, others), _OTHERS, f"{host}: the other API servers", clock)
    within = rollout.limits.api_ready
    part = StackPart(
        host, "control-plane", (API_SERVER,), lambda _: _not_holding(rollout, host), within, always, recreates=recreates
    )
    changed = change_part(rollout, part)
    wait_until(
        lambda: not_up(rollout, host), rollout.limits.api_ready, f"{host}: its API server for all proxies", clock
    )
    return changed


def check_others(rollout: RolloutContext, others: list[str]) -> str:
    """Return why none of the other API servers could take an API server's work; empty if one of them does for all."""
    reasons = [not_up(rollout, other) for other in others]
    return "" if "" in reasons else "; ".join(reasons)


def _not_holding(rollout: RolloutContext, host: str) -> str:
    """Return whether the API server is not ready, or does not stay so for as long as it must."""
    connection, clock = rollout.connection(host), rollout.session.clock
    until = clock.monotonic() + rollout.limits.api_hold.total_seconds()
    while True:
        reason = not_ready(connection)
        if reason:
            _check_that_it_runs(connection)
        if reason or clock.monotonic() > until:
            return reason
        clock.sleep(0.5)


def _check_that_it_runs(connection: Connection) -> None:
    """Raise if the API server ends again and again: waiting for it to be ready would not help.

    One that merely does not reach etcd yet takes 20 s to give up, and so never ends that often.
    """
    argv = ["docker", "inspect", "--format", "{{.RestartCount}}", f"windlass-{API_SERVER}"]
    ends = connection.run(argv, sudo=True, check=False, timeout=_ASK).stdout.strip()
    if ends.isdecimal() and int(ends) >= _ENDS:
        raise WindlassError(f"{connection.host}: its API server has ended {ends} times")


def not_ready(connection: Connection) -> str:
    """Return what the API server on a host lacks for being ready; empty if it is."""
    url = f"https://127.0.0.1:{API_PORT}/readyz"
    probe = CurlProbe(url, _ANSWERS, "any answer", ca=f"{PKI}/ca.crt", server_name=API_SERVER_NAME)
    result = connection.run(probe.argv, sudo=True, check=False, timeout=_ASK)
    if result.stdout.strip() == "ok":
        return ""
    lines = (result.stdout.strip() or result.stderr.strip() or "no answer").splitlines()
    failed = [line for line in lines if line.startswith("[-]")]
    return f"{connection.host}: /readyz says {'; '.join(failed or lines[-1:])}"


def not_up(rollout: RolloutContext, server: str) -> str:
    """Return the hosts whose proxy does not send requests to `server`; those that cannot be asked do not count."""

    def ask(_: Host, connection: Connection) -> bool:
        probe = CurlProbe(f"http://127.0.0.1:{PROXY_STATUS_PORT}/stats;csv", _ANSWERS)
        return is_up(connection.run(probe.argv, timeout=_ASK).stdout, server)

    outcomes = rollout.session.try_on_hosts(rollout.session.hosts, ask)
    seen = {name: outcome.get() for name, outcome in outcomes.items() if outcome.is_ok}
    if not seen:
        raise RefusedError(f"no proxy could be asked whether the API server of {server} is up; look at the hosts")
    down = [name for name, is_there in seen.items() if not is_there]
    return f"the proxies of {', '.join(down)} do not see {server}'s API server as up" if down else ""


def is_up(stats: str, server: str) -> bool:
    """Read HAProxy's statistics (CSV): whether it sends requests to `server`."""
    rows = csv.DictReader(io.StringIO(stats.removeprefix("# ")))
    return any(row["svname"] == server and row["status"].startswith("UP") for row in rows)
