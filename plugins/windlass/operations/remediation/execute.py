"""Execute an action on one component of one host, and wait until the component is healthy again."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from datetime import timedelta

from windlass.domain.host.containers import CRASHES
from windlass.domain.host.health import ETCD
from windlass.domain.host.host_checks import ENGINE, KUBELET, HostChecks, kubelet_probe
from windlass.domain.host.layout import CORDONED_BY, KUBELET_PORT, stack_directory
from windlass.domain.pki import issue_pki
from windlass.domain.remediation import Action
from windlass.domain.remediation.actions import CERTIFICATES, Kind
from windlass.domain.remediation.notes import Note
from windlass.domain.scripts.install import CHANGED
from windlass.effects.kubernetes.client import NODES
from windlass.effects.ssh.connection import Connection
from windlass.errors import NotReadyError
from windlass.operation_names import Operation
from windlass.operations.apply.prepare import prepare_host
from windlass.operations.apply.start import SERVING, bring_up, seed_host, start_kubelet
from windlass.operations.cluster import Changes, run_script
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.etcd import ReplacementContext, replace_member
from windlass.operations.remediation.context import RemediationContext
from windlass.operations.waiting import wait_until

_START = timedelta(minutes=3)
_API = timedelta(seconds=15)
_MACHINE = timedelta(minutes=5)
_OTHERS = timedelta(minutes=2)
"""How long another Compose on the same stack is waited for."""
_UNIT_LIMIT = timedelta(seconds=60)
_NO_COMPOSE_FILE = 66
"""Exit code of the script that recreates a container where its Compose file is lost (EX_NOINPUT of sysexits.h)."""


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
    done = connection.run(["sh", "-s"], sudo=True, stdin=script.encode(), timeout=_START, check=False)
    if done.exit_code == _NO_COMPOSE_FILE:
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
    return seed_host(context.session.cluster, context.keys, sealed, host, _connection(context, action))


def recreate_script(stack: str, component: str, *, is_gentle: bool) -> str:
    """Return the script that recreates one container of a stack, from the Compose file as it lies on the host.

    One that works gets its time to stop (`is_gentle`); one that is unhealthy is ended at once, whatever state it is in.
    Whoever works on the stack already, for a caller that is gone, is waited for by the lock that `stack_script` takes.
    """
    name, project = shlex.quote(f"windlass-{component}"), f"windlass-{stack}"
    up = f"docker compose -p {project} -f compose.yaml up -d --no-deps --force-recreate {shlex.quote(component)}"
    first = f"{up} >$log 2>&1 || " if is_gentle else ""
    return f"""set -eu
cd {stack_directory(stack)} 2>/dev/null && [ -s compose.yaml ] || exit {_NO_COMPOSE_FILE}
exec 9<.
flock -w {_OTHERS.seconds} 9 || {{ echo "another Compose has held {stack} for {_OTHERS.seconds} s" >&2; exit 1; }}
log=$(mktemp); trap 'rm -f $log' EXIT
{first}{{
  docker rm -f {name} >/dev/null 2>&1 || :
  {up} >$log 2>&1 || {{ tail -n 3 $log >&2; exit 1; }}
}}
echo "{CHANGED}container {component}"
"""


def restart_script(unit: str) -> str:
    """Return the script that restarts a systemd unit, which ends a process that was stopped as well."""
    return f"""set -u
systemctl daemon-reload
# A stopped process holds up an orderly end for as long as systemd is patient.
[ "$(awk '/^State:/ {{print $2}}' /proc/$(systemctl show -p MainPID --value {unit})/status 2>/dev/null)" != T ] ||
  systemctl kill -s KILL --kill-who=main {unit}
systemctl reset-failed {unit} 2>/dev/null
if ! systemctl restart {unit}; then
  journalctl -u {unit} -n 3 --no-pager -o cat >&2; exit 1
fi
echo "{CHANGED}unit {unit}"
"""


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
    changed += seed_host(context.session.cluster, context.keys, sealed, host, connection)
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
    changed = seed_host(context.session.cluster, renewed, sealed, host, connection)
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
}


def await_healthy(context: RemediationContext, action: Action) -> float:
    """Wait until what was acted on passes its checks as often as it must; return the seconds that took.

    NotReadyError if it does not within its time to start.
    """
    desired = context.desired[action.host]
    script, limit = watch_script(desired, action)
    if not script:
        return 0.0
    started = time.monotonic()
    connection = context.session.connections.get(action.host)
    done = connection.run(["sh", "-s"], sudo=True, stdin=script.encode(), timeout=limit + _API, check=False)
    if done.exit_code != 0:
        said = done.stdout.strip().splitlines()
        why = said[-1] if said else "no answer"
        raise NotReadyError(
            f"{action.component} on {action.host} is not back after {time.monotonic() - started:.0f} s: {why}"
        )
    return time.monotonic() - started


def watch_script(desired: HostChecks, action: Action) -> tuple[str, timedelta]:
    """Return the script that waits on the host itself until the component is healthy, and how long it waits at most."""
    service = desired.service(action.component)
    if service is not None:
        check = service.check
        ask = f"code=$({service.probe(desired.host.address)}); case $code in 2??) true ;; *) false ;; esac"
        limit = max(check.reinitializing_timeout, timedelta(seconds=20))
        lost = _crash_script(action.component) if action.component == ETCD else ":"
        return _poll(ask, check.healthy_threshold, limit, "port answers ${code:-nothing}", lost), limit
    if action.component == ENGINE:
        return _poll("timeout 3 docker ps -q >/dev/null 2>&1", 1, _UNIT_LIMIT, "docker does not answer"), _UNIT_LIMIT
    if action.component == KUBELET:
        ask = f'[ "$({kubelet_probe(desired.host.address, timedelta(seconds=2))})" = 401 ]'
        return _poll(ask, 1, _UNIT_LIMIT, f"port {KUBELET_PORT} does not answer"), _UNIT_LIMIT
    if action.kind == "restart-unit":
        ask = f"systemctl is-active --quiet {action.component}"
        return _poll(ask, 2, _UNIT_LIMIT, "systemd does not call it active"), _UNIT_LIMIT
    return "", timedelta(0)


def _crash_script(component: str) -> str:
    """Return the lines that end the wait for a container which Docker starts again and again.

    Of a member of etcd whose data are spoilt nothing else comes, and its time to start is long.
    """
    return f"""restarts=$(timeout 5 docker inspect -f '{{{{.RestartCount}}}}' windlass-{component} 2>/dev/null)
  if [ "${{restarts:-0}}" -ge {CRASHES} ] 2>/dev/null; then
    echo "it ends again and again; see docker logs windlass-{component}"; exit 1
  fi"""


def _poll(ask: str, passes: int, limit: timedelta, why: str, lost: str = ":") -> str:
    return f"""end=$(( $(date +%s) + {limit.seconds} )); passes=0
while [ $(date +%s) -lt $end ]; do
  if {ask}; then passes=$((passes + 1)); [ $passes -lt {passes} ] || exit 0; sleep 1
  else passes=0; sleep 0.5; fi
  {lost}
done
echo "{why}"; exit 1
"""
