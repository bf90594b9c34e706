"""Act on one thing of one host, and watch until it is well again."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from windlass.domain.host.layout import CORDONED_BY
from windlass.domain.pki import issue_pki
from windlass.domain.remediation import Action
from windlass.domain.remediation.actions import CERTIFICATES, Kind
from windlass.domain.scripts.recreate import NO_COMPOSE_FILE, recreate_script, restart_script
from windlass.domain.scripts.wait_healthy import wait_script
from windlass.effects.kubernetes.client import NODES
from windlass.effects.ssh.connection import Connection
from windlass.errors import NotReadyError
from windlass.operation_names import Operation
from windlass.operations.apply.prepare import prepare_host
from windlass.operations.apply.start import SERVING, bring_up, seed_host, start_kubelet
from windlass.operations.cluster import Changes, run_script
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.etcd import ReplacementContext, replace_member
from windlass.operations.remediation.context import Note, RemediationContext
from windlass.operations.waiting import wait_until

_START = timedelta(minutes=3)
_API = timedelta(seconds=15)
_MACHINE = timedelta(minutes=5)


def act(work: RemediationContext, repair: Action) -> Changes:
    """Do what was planned; what was changed. Errors of `windlass.errors` say why it could not be done."""
    return _HANDLERS[repair.kind](work, repair)


def _connection(work: RemediationContext, repair: Action) -> Connection:
    return work.session.connections.get(repair.host)


def _recreate(work: RemediationContext, repair: Action) -> Changes:
    connection = _connection(work, repair)
    script = recreate_script(repair.stack, repair.thing, is_gentle=repair.is_drift)
    done = connection.run_script(script, timeout=_START, check=False)
    if done.exit_code == NO_COMPOSE_FILE:
        _prepare(work, repair)
    elif done.exit_code == 0:
        return (f"container {repair.thing}",)
    return run_script(connection, script, timeout=_START)


def _restart(work: RemediationContext, repair: Action) -> Changes:
    return run_script(_connection(work, repair), restart_script(repair.thing), timeout=_START)


def _prepare(work: RemediationContext, repair: Action) -> Changes:
    return prepare_host(work.session, work.desired[repair.host].host, _connection(work, repair))


def _restore(work: RemediationContext, repair: Action) -> Changes:
    """Lay down again what differs, whether rendered or issued; what has read the same content is not restarted."""
    if repair.thing != CERTIFICATES:
        return _prepare(work, repair)
    host, sealed = work.desired[repair.host].host, work.keyring.renew(work.keys)
    return seed_host(work.session.cluster, work.keys, sealed, host, _connection(work, repair))


def _replace_member(work: RemediationContext, repair: Action) -> Changes:
    def tell(text: str) -> None:
        work.note(Note(text, host=repair.host, component=repair.thing))

    sealed = work.keyring.renew(work.keys)
    return replace_member(ReplacementContext(work.session, work.keys, sealed, tell), repair.host)


def _replace_host(work: RemediationContext, repair: Action) -> Changes:
    """Have the machine made anew, and make a host of this cluster of it; each step can be made twice."""
    host = work.desired[repair.host].host
    work.machines.make(host.name)

    def look() -> str:
        work.session.connections.get(host.name).run(["true"])
        return ""

    wait_until(look, _MACHINE, f"{host.name} answers SSH")
    connection = work.session.connections.get(host.name)
    changed = prepare_host(work.session, host, connection)
    sealed = work.keyring.renew(work.keys)
    changed += seed_host(work.session.cluster, work.keys, sealed, host, connection)
    if "etcd" in host.roles:
        changed += _replace_member(work, repair)
    changed += bring_up(connection, SERVING)
    return (*changed, *(start_kubelet(work.session, connection) if host.is_node else ()))


def _renew(work: RemediationContext, repair: Action) -> Changes:
    """Renew what soon ends in the whole PKI, and lay down what this host needs of it."""
    host = work.desired[repair.host].host
    renewed = issue_pki(work.session.cluster, work.clock(), work.keys)
    sealed = work.keyring.renew(renewed)
    connection = _connection(work, repair)
    changed = seed_host(work.session.cluster, renewed, sealed, host, connection)
    return (*changed, *(start_kubelet(work.session, connection) if host.is_node else ()))


def _cordon(work: RemediationContext, repair: Action) -> Changes:
    with kubernetes_api(work.session, work.keys, _API) as client:
        annotations = {CORDONED_BY: Operation.REMEDIATE}
        change = {"metadata": {"annotations": annotations}, "spec": {"unschedulable": True}}
        client.patch(NODES, repair.host, change)
    return (f"node {repair.host} cordoned",)


def _uncordon(work: RemediationContext, repair: Action) -> Changes:
    with kubernetes_api(work.session, work.keys, _API) as client:
        change = {"metadata": {"annotations": {CORDONED_BY: None}}, "spec": {"unschedulable": None}}
        client.patch(NODES, repair.host, change)
    return (f"node {repair.host} open for pods",)


_HANDLERS: dict[Kind, Callable[[RemediationContext, Action], Changes]] = {
    "recreate": _recreate,
    "restart-unit": _restart,
    "restore-files": _restore,
    "renew-certificates": _renew,
    "replace-member": _replace_member,
    "cordon": _cordon,
    "uncordon": _uncordon,
    "replace-host": _replace_host,
}


def watch(work: RemediationContext, repair: Action) -> float:
    """Wait until what was repaired passes its checks as often as it must; return the seconds that took.

    NotReadyError if it does not within its time to start.
    """
    desired = work.desired[repair.host]
    wait = wait_script(desired, repair.thing, is_unit=repair.kind == "restart-unit")
    if wait is None:
        return 0.0
    script, limit = wait
    started = time.monotonic()
    connection = work.session.connections.get(repair.host)
    done = connection.run_script(script, timeout=limit + _API, check=False)
    if done.exit_code != 0:
        said = done.stdout.strip().splitlines()
        why = said[-1] if said else "no answer"
        raise NotReadyError(
            f"{repair.thing} on {repair.host} is not back after {time.monotonic() - started:.0f} s: {why}"
        )
    return time.monotonic() - started
