"""What tests of repair ask of a cluster: that it is well, and what was touched meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from e2e.etcd import ETCD_HOSTS, is_healthy, members
from e2e.ground import HOSTS, Ground, wait_for
from windlass.errors import WindlassError

WELL = timedelta(minutes=4)
_ASK = "curl -fsS --max-time 2 --cacert /etc/windlass/pki/ca.crt https://127.0.0.1:6443/readyz || true"
_RUNNING = "docker ps --filter status=running --format '{{ .Label \"io.windlass.component\" }}' | sort"
_UNITS = "systemctl is-active docker windlass-containerd kubelet || true"


def ails(ground: Ground) -> list[str]:
    """Return everything that is not as it should be, in words; empty if the cluster is well."""
    found = []
    for host in HOSTS:
        wanted = ["api-proxy"] if host.startswith("w") else [
            "api-proxy", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]  # fmt: skip
        running = ground.on(host, _RUNNING).split()
        found += [f"{host}: runs {running}, not {wanted}"] if running != wanted else []
        units = ground.on(host, _UNITS).split()
        found += [f"{host}: units are {units}"] if units != ["active"] * 3 else []
        if host in ETCD_HOSTS:
            found += [] if ground.on(host, _ASK) == "ok" else [f"{host}: its API server is not ready"]
            found += [] if is_healthy(ground, host) else [f"{host}: its etcd member does not commit"]
    if not found:
        found += [f"members: {members(ground)}"] if members(ground) != dict.fromkeys(ETCD_HOSTS, False) else []
        found += [f"not Ready: {one}" for one in ground.not_ready()]
    return found


def wait_until_well(ground: Ground, within: timedelta = WELL) -> None:
    """Wait until nothing ails the cluster; fail with what still does, and the end of its service log."""
    deadline, last = time.monotonic() + within.total_seconds(), ["not looked yet"]
    while last:
        try:
            last = ails(ground)
        except (WindlassError, AssertionError) as error:
            last = [str(error)]
        if last and time.monotonic() > deadline:
            log = "\n".join(reversed(ground.service_log()[:15]))
            raise AssertionError(f"not well within {within}: {last}\nservice log:\n{log}")
        time.sleep(0.5)


def wait_until_calm(ground: Ground) -> None:
    """Wait until no repair run is under way."""
    wait_for(lambda: all(run.has_ended for run in ground.repairs()), "repair runs have ended", timedelta(minutes=6))


@contextmanager
def only_touching(ground: Ground, *things: str) -> Iterator[None]:
    """Fail unless within the block nothing began anew but `things`, each as `host/name`."""
    before = ground.beginnings()
    yield
    after = ground.beginnings()
    touched = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert touched <= set(things), f"healthy things were touched: {touched - set(things)}"
