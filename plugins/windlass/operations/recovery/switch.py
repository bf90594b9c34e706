"""Switch over to the restored data: stop what runs, change places, start etcd, clear what is stale, start the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from windlass.domain.etcd.membership import EtcdObservation
from windlass.domain.scripts.restore import stop_script, switch_script, way_back
from windlass.domain.spec.flags import etcd_prefix
from windlass.effects.etcd import EtcdClient
from windlass.errors import NotReadyError, UnreachableError, WindlassError
from windlass.operations.apply.start import SERVING, bring_up, start_kubelet
from windlass.operations.cluster import run_script
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.etcd import observe_members, observe_settled
from windlass.operations.etcd.clients import etcd_member
from windlass.operations.recovery.context import RecoveryContext
from windlass.operations.recovery.restore import Stage
from windlass.operations.waiting import wait_until

_LEADER = timedelta(seconds=90)
_API_READY = timedelta(seconds=150)
_STOP = timedelta(minutes=2)
STALE = ("masterleases/", "leases/kube-system/")
"""Below the API servers' prefix: who serves the API, and who leads. Their holders are gone; new ones write again."""


def switch_over(work: RecoveryContext, before: dict[str, Stage], bundle: str) -> str:
    """Put the restored data in place and bring the API up on it; when it was first written to, in ISO 8601.

    Whatever fails, the old data is kept beside the new, and the error says how to go back.
    """
    with _telling_the_way_back(work):
        # At a second try etcd may already run on the new data, and have acknowledged writes: that is not stopped.
        if any(one.stage != "switched" for one in before.values()):
            _stop(work)
            _change_places(work)
        _start_members(work)
        _clear_stale(work)
        _start_api(work)
        return _first_write(work, bundle)


def _stop(work: RecoveryContext) -> None:
    hosts = [host for host in work.session.hosts if {"etcd", "control-plane"} & set(host.roles)]
    stopped = work.session.on_hosts(
        "stop the control plane and etcd", hosts, lambda _, connection: run_script(connection, stop_script(), _STOP)
    )
    work.told(stopped)


def _change_places(work: RecoveryContext) -> None:
    script = switch_script(work.id)
    changed = work.session.on_hosts(
        "put the restored data in place", work.etcd_hosts, lambda _, connection: run_script(connection, script)
    )
    work.told(changed)


def _start_members(work: RecoveryContext) -> None:
    work.session.on_hosts("start etcd", work.etcd_hosts, lambda _, connection: bring_up(connection, ("etcd",)))

    def look() -> str:
        observed = observe_members(work.session, work.pki)
        return "" if _is_led(work, observed) else "; ".join(observed.reasons.values()) or "no leader yet"

    wait_until(look, _LEADER, "wait for etcd's leader", work.session.clock)
    work.tell("etcd has a leader")


def _is_led(work: RecoveryContext, observed: EtcdObservation) -> bool:
    led = sum(observed.at(host.name).has_leader for host in work.etcd_hosts)
    return led > len(work.etcd_hosts) // 2


def _clear_stale(work: RecoveryContext) -> None:
    """Remove leases whose holders are gone, and alarms that came with the snapshot, before anybody looks at them."""
    prefix = etcd_prefix(work.session.cluster)
    with _leading_client(work) as client:
        for alarm in client.alarms():
            client.disarm(alarm)
            work.tell(f"cleared the alarm {alarm.kind}, which came with the snapshot")
        for stale in STALE:
            keys = [found.key for found in client.keys.list(f"{prefix}/{stale}".encode())]
            for key in keys:
                client.keys.delete(key)
            work.tell(f"cleared {len(keys)} stale keys below {prefix}/{stale}")


@contextmanager
def _leading_client(work: RecoveryContext) -> Iterator[EtcdClient]:
    observed = observe_settled(work.session, work.pki)
    host = next((host for host in work.etcd_hosts if observed.at(host.name).has_leader), None)
    if host is None:
        raise NotReadyError("etcd has lost its leader again; see `docker logs windlass-etcd` on its hosts")
    with etcd_member(work.session, work.pki, host.name) as client:
        yield client


def _start_api(work: RecoveryContext) -> None:
    """Start what serves the API; with changed versions the kubelets first, which must not be newer than it."""
    if work.prepares_all:
        nodes = [host for host in work.session.hosts if host.is_node]
        work.told(
            work.session.on_hosts(
                "start kubelets", nodes, lambda _, connection: start_kubelet(work.session, connection)
            )
        )
    hosts = work.session.hosts
    work.told(work.session.on_hosts("start the API", hosts, lambda _, connection: bring_up(connection, SERVING)))


def _first_write(work: RecoveryContext, bundle: str) -> str:
    """Write to the API as soon as it is ready: the mark of this recovery, for whoever looks at the cluster."""
    with kubernetes_api(work.session, work.pki, _API_READY) as client:
        mark = _mark(work.id, bundle)

        def write() -> str:
            client.apply(mark)
            return ""

        wait_until(write, timedelta(seconds=60), "write to the API", work.session.clock)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    work.tell(f"the API took its first write at {now}")
    return now


def _mark(recovery: str, bundle: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "windlass-recovery", "namespace": "kube-system"},
        "data": {"recovery": recovery, "bundle": bundle, "time": datetime.now(UTC).isoformat(timespec="seconds")},
    }


@contextmanager
def _telling_the_way_back(work: RecoveryContext) -> Iterator[None]:
    try:
        yield
    except WindlassError as error:
        kind = type(error) if isinstance(error, NotReadyError | UnreachableError) else WindlassError
        hosts = tuple(host.name for host in work.session.hosts if {"etcd", "control-plane"} & set(host.roles))
        raise kind(f"{error}\n{way_back(work.id, hosts)}") from error
