"""Execute an action on one component of one host, and wait until the component is healthy again."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from windlass.domain.host.layout import CORDONED_BY
from windlass.domain.pki import issue_pki
from windlass.domain.remediation import Action
from windlass.domain.remediation.actions import CERTIFICATES, ON_ADDONS, Kind
from windlass.domain.remediation.notes import Note
from windlass.domain.scripts.recreate import NO_COMPOSE_FILE, recreate_script, restart_script
from windlass.domain.scripts.wait_healthy import wait_script
from windlass.effects.kubernetes.client import NODES
from windlass.effects.ssh.connection import Connection
from windlass.errors import NotReadyError
from windlass.operation_names import Operation
from windlass.operations.apply.prepare import prepare_host
from windlass.operations.apply.start import SERVING, bring_up, install_host_certificates, start_kubelet
from windlass.operations.cluster import Changes, run_script
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.etcd import ReplacementContext, replace_member
from windlass.operations.remediation.addons import act_on_addon, await_addon
from windlass.operations.remediation.context import RemediationContext
from windlass.operations.waiting import wait_until

_START = timedelta(minutes=3)
_API = timedelta(seconds=15)
_MACHINE = timedelta(minutes=5)


def perform(context: RemediationContext, action: Action) -> float:
    """Execute an action and wait for its component; return the seconds until that was healthy. Errors say why not."""
    execute(context, action)
    return await_healthy(context, action)


def execute(context: RemediationContext, action: Action) -> Changes:
    """Do what was planned; what was changed. Errors of `windlass.errors` say why it could not be done."""
    return _HANDLERS[action.kind](context, action)


def _connection(context: RemediationContext, action: Action) -> Connection:
    return context.session.connections.get(action.host)


def _recreate(context: RemediationContext, action: Action) -> Changes:
    connection = _connection(context, action)
    script = recreate_script(action.stack, action.component, is_gentle=action.is_drift)
    done = connection.run_script(script, timeout=_START, check=False)
    if done.exit_code == NO_COMPOSE_FILE:
        _prepare(context, action)
    elif done.exit_code == 0:
        return (f"container {action.component}",)
    return run_script(connection, script, timeout=_START)


def _restart(context: RemediationContext, action: Action) -> Changes:
    return run_script(_connection(context, action), restart_script(action.component), timeout=_START)


def _prepare(context: RemediationContext, action: Action) -> Changes:
    return prepare_host(context.session, context.desired[action.host].host, _connection(context, action))


def _restore(context: RemediationContext, action: Action) -> Changes:
    """Write again what differs, whether rendered or issued; what has read the same content is not restarted."""
    if action.component != CERTIFICATES:
        return _prepare(context, action)
    host, sealed = context.desired[action.host].host, context.keyring.renew(context.keys)
    return install_host_certificates(context.session.cluster, context.keys, sealed, host, _connection(context, action))


def _replace_member(context: RemediationContext, action: Action) -> Changes:
    def progress(text: str) -> None:
        context.report(Note(text, host=action.host, component=action.component))

    sealed = context.keyring.renew(context.keys)
    return replace_member(ReplacementContext(context.session, context.keys, sealed, progress), action.host)


def _replace_host(context: RemediationContext, action: Action) -> Changes:
    """Have the machine recreated, and make a host of this cluster of it; each step can be made twice."""
    host = context.desired[action.host].host
    context.machines.make(host.name)

    def answers() -> str:
        context.session.connections.get(host.name).run(["true"])
        return ""

    wait_until(answers, _MACHINE, f"{host.name} answers SSH", context.session.clock)
    connection = context.session.connections.get(host.name)
    changed = prepare_host(context.session, host, connection)
    sealed = context.keyring.renew(context.keys)
    changed += install_host_certificates(context.session.cluster, context.keys, sealed, host, connection)
    if "etcd" in host.roles:
        changed += _replace_member(context, action)
    changed += bring_up(connection, SERVING)
    return (*changed, *(start_kubelet(context.session, connection) if host.is_node else ()))


def _renew(context: RemediationContext, action: Action) -> Changes:
    """Renew what soon ends in the whole PKI, and write what this host needs of it."""
    host = context.desired[action.host].host
    renewed = issue_pki(context.session.cluster, context.clock(), context.keys)
    sealed = context.keyring.renew(renewed)
    connection = _connection(context, action)
    changed = install_host_certificates(context.session.cluster, renewed, sealed, host, connection)
    return (*changed, *(start_kubelet(context.session, connection) if host.is_node else ()))


def _cordon(context: RemediationContext, action: Action) -> Changes:
    with kubernetes_api(context.session, context.keys, _API) as client:
        annotations = {CORDONED_BY: Operation.REMEDIATE}
        change = {"metadata": {"annotations": annotations}, "spec": {"unschedulable": True}}
        client.patch(NODES, action.host, change)
    return (f"node {action.host} cordoned",)


def _uncordon(context: RemediationContext, action: Action) -> Changes:
    with kubernetes_api(context.session, context.keys, _API) as client:
        change = {"metadata": {"annotations": {CORDONED_BY: None}}, "spec": {"unschedulable": None}}
        client.patch(NODES, action.host, change)
    return (f"node {action.host} open for pods",)


_HANDLERS: dict[Kind, Callable[[RemediationContext, Action], Changes]] = {
    "recreate": _recreate,
    "restart-unit": _restart,
    "restore-files": _restore,
    "renew-certificates": _renew,
    "replace-member": _replace_member,
    "cordon": _cordon,
    "uncordon": _uncordon,
    "replace-host": _replace_host,
    "apply-objects": act_on_addon,
    "delete-pod": act_on_addon,
    "spread-replicas": act_on_addon,
}


def await_healthy(context: RemediationContext, action: Action) -> float:
    """Wait until what was acted on passes its checks as often as it must; return the seconds that took.

    NotReadyError if it does not within its time to start.
    """
    if action.kind in ON_ADDONS:
        return await_addon(context, action)
    desired = context.desired[action.host]
    wait = wait_script(desired, action.component, is_unit=action.kind == "restart-unit")
    if wait is None:
        return 0.0
    script, limit = wait
    started = time.monotonic()
    connection = context.session.connections.get(action.host)
    done = connection.run_script(script, timeout=limit + _API, check=False)
    if done.exit_code != 0:
        said = done.stdout.strip().splitlines()
        why = said[-1] if said else "no answer"
        raise NotReadyError(
            f"{action.component} on {action.host} is not back after {time.monotonic() - started:.0f} s: {why}"
        )
    return time.monotonic() - started
