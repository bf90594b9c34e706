"""What tests of remediation ask of a cluster: that it is healthy by its own word, and what was touched meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import takewhile

from e2e.breaking import Fault
from e2e.etcd import ETCD_HOSTS, members
from e2e.ground import CLUSTER, HOSTS, Ground, wait_for
from windlass.domain.host.layout import API_PORT, ETCD_STATUS_PORT, PROXY_STATUS_PORT
from windlass.domain.servicelog import Event
from windlass.effects.store import ServiceLog
from windlass.errors import WindlassError

WELL = timedelta(minutes=4)
_LOOK_SECONDS = 1.0

# Each part is asked at its own port: one that is stopped (SIGSTOP) is still running in the eyes of Docker and systemd.
_ASK = """
code() { curl -sk -o /dev/null -w '%{http_code}' --max-time 2 "$1"; }
is() { [ "$2" = "$3" ] || echo "$1: ${2:-nothing}, not $3"; }
running=$(timeout 5 docker ps --filter status=running --format '{{ .Label "io.windlass.component" }}' | sort | xargs)
is containers "$running" "$2"
is units "$(systemctl is-active docker windlass-containerd kubelet | xargs)" "active active active"
for unit in docker windlass-containerd kubelet; do
  case $(awk '/^State:/ {print $2}' "/proc/$(systemctl show -p MainPID --value $unit)/status" 2>/dev/null) in
    [Tt]) echo "$unit: stopped by a signal" ;;
  esac
done
is kubelet "$(code https://$1:10250/healthz)" 401
"""
_ASK_PROXY = f'is api-proxy "$(code http://127.0.0.1:{PROXY_STATUS_PORT}/healthz)" 200\n'
_ASK_PLANE = f"""
is etcd "$(code http://127.0.0.1:{ETCD_STATUS_PORT}/readyz)" 200
is kube-apiserver "$(code https://127.0.0.1:{API_PORT}/readyz)" 200
is kube-controller-manager "$(code https://$1:10257/healthz)" 200
is kube-scheduler "$(code https://$1:10259/healthz)" 200
"""
_WORKER = "api-proxy"
_PLANE = "api-proxy etcd kube-apiserver kube-controller-manager kube-scheduler"


def ails(ground: Ground) -> list[str]:
    """Return everything that is not as it should be, in words; empty if the cluster is healthy."""
    with ThreadPoolExecutor(len(HOSTS)) as pool:
        found = [line for lines in pool.map(lambda host: _host_ails(ground, host), HOSTS) for line in lines]
    if not found:
        found += [f"members: {members(ground)}"] if members(ground) != dict.fromkeys(ETCD_HOSTS, False) else []
        found += [f"not Ready: {one}" for one in ground.not_ready()]
    return found


def _host_ails(ground: Ground, host: str) -> list[str]:
    is_plane = host in ETCD_HOSTS
    script = _ASK + _ASK_PROXY + (_ASK_PLANE if is_plane else "")
    given = f"set -- {ground.lab.host(host).address} '{_PLANE if is_plane else _WORKER}'\n"
    try:
        said = ground.on(host, f"{given}{script}true\n")
    except WindlassError as error:
        return [str(error)]
    return [f"{host}: {line}" for line in said.splitlines()]


def wait_until_well(ground: Ground, within: timedelta = WELL) -> None:
    """Wait until nothing ails the cluster; fail with what still does, and the end of its service log."""
    deadline, last = time.monotonic() + within.total_seconds(), ["not looked yet"]
    while last:
        try:
            last = ails(ground)
        except (WindlassError, AssertionError) as error:
            last = [str(error)]
        if last and time.monotonic() > deadline:
            log = "\n".join(reversed(ground.service_log()[:30]))
            raise AssertionError(f"unhealthy within {within}: {last}\nservice log:\n{log}")
        time.sleep(_LOOK_SECONDS if last else 0)


def wait_until_calm(ground: Ground) -> None:
    """Wait until the watch calls all of a watched cluster healthy too, and no repair run is under way."""
    wait_for(
        lambda: ground.is_seen_healthy() and all(run.has_ended for run in ground.repairs()),
        "the watch calls all healthy and remediation runs have ended",
        timedelta(minutes=6),
    )


@contextmanager
def only_touching(ground: Ground, *things: str) -> Iterator[None]:
    """Fail unless within the block nothing was started again but `things`, each as `host/name`."""
    before = ground.beginnings()
    yield
    after = ground.beginnings()
    touched = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert touched <= set(things), f"healthy things were touched: {touched - set(things)}"


def events_since(ground: Ground, began: datetime) -> list[Event]:
    """Return what was written to the service log since, the newest first."""
    return list(takewhile(lambda one: one.time >= began, ServiceLog(ground.store, CLUSTER).events()))


def is_told(ground: Ground, began: datetime, words: str) -> bool:
    """Tell whether a line with `words` was written to the service log since."""
    return any(words in event.text for event in events_since(ground, began))


def acts_since(ground: Ground, began: datetime) -> set[str]:
    """Return what remediation has acted on since, each as `host/thing`."""
    return {f"{one.host}/{one.component}" for one in events_since(ground, began) if "act" in one.details}


def wrong_acts(ground: Ground, began: datetime, faults: Iterable[Fault]) -> set[str]:
    """Return what remediation has acted on since although neither it nor its whole host was broken by `faults`."""
    broken = tuple(faults)
    return {act for act in acts_since(ground, began) if not any(may_touch(fault, act) for fault in broken)}


def may_touch(fault: Fault, act: str) -> bool:
    """Say whether after a fault it is right to act on `act` (`host/thing`)."""
    host, _, thing = act.partition("/")
    return fault.host == host and (fault.end is not None or thing in fault.what.split() or thing == "files")
