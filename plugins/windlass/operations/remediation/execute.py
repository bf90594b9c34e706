"""Act on one thing of one host, and watch until it is well again."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from datetime import timedelta

from windlass.domain.host.containers import CRASHES
from windlass.domain.host.health import ETCD
from windlass.domain.host.host_checks import ENGINE, KUBELET, HostChecks
from windlass.domain.host.layout import CORDONED_BY, KUBELET_PORT, stack_directory
from windlass.domain.pki import issue_pki
from windlass.domain.remediation import Action
from windlass.domain.remediation.actions import CERTIFICATES, Kind
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
from windlass.operations.remediation.context import Note, RemediationContext
from windlass.operations.waiting import wait_until

_START = timedelta(minutes=3)
_API = timedelta(seconds=15)
_MACHINE = timedelta(minutes=5)
_OTHERS = timedelta(minutes=2)
"""How long another Compose on the same stack is waited for."""
_UNIT_LIMIT = timedelta(seconds=60)
_NO_COMPOSE_FILE = 66
"""Exit code of the script that makes a container anew where its Compose file is lost (EX_NOINPUT of sysexits.h)."""


def act(work: RemediationContext, repair: Action) -> Changes:
    """Do what was planned; what was changed. Errors of `windlass.errors` say why it could not be done."""
    return _HANDLERS[repair.kind](work, repair)


def _connection(work: RemediationContext, repair: Action) -> Connection:
    return work.session.connections.get(repair.host)


def _recreate(work: RemediationContext, repair: Action) -> Changes:
    connection = _connection(work, repair)
    script = recreate_script(repair.stack, repair.thing, is_gentle=repair.is_drift)
    done = connection.run(["sh", "-s"], sudo=True, stdin=script.encode(), timeout=_START, check=False)
    if done.exit_code == _NO_COMPOSE_FILE:
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


def recreate_script(stack: str, component: str, *, is_gentle: bool) -> str:
    """Return the script that makes one container of a stack anew, from the Compose file as it lies on the host.

    One that works gets its time to stop (`is_gentle`); one that is ill is ended at once, whatever state it is in.
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

    wait_until(look, _MACHINE, f"{host.name} answers SSH", work.session.clock)
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
    script, limit = watch_script(desired, repair)
    if not script:
        return 0.0
    started = time.monotonic()
    connection = work.session.connections.get(repair.host)
    done = connection.run(["sh", "-s"], sudo=True, stdin=script.encode(), timeout=limit + _API, check=False)
    if done.exit_code != 0:
        said = done.stdout.strip().splitlines()
        why = said[-1] if said else "no answer"
        raise NotReadyError(
            f"{repair.thing} on {repair.host} is not back after {time.monotonic() - started:.0f} s: {why}"
        )
    return time.monotonic() - started


def watch_script(desired: HostChecks, repair: Action) -> tuple[str, timedelta]:
    """Return the script that waits on the host itself until the thing is well, and how long it waits at most."""
    service = desired.service(repair.thing)
    if service is not None:
        check = service.check
        ask = f"code=$({shlex.join(service.probe(desired.host.address))}); case $code in 2??) true ;; *) false ;; esac"
        limit = max(check.reinitializing_timeout, timedelta(seconds=20))
        lost = _crash_script(repair.thing) if repair.thing == ETCD else ":"
        return _poll(ask, check.healthy_threshold, limit, "port answers ${code:-nothing}", lost), limit
    if repair.thing == ENGINE:
        return _poll("timeout 3 docker ps -q >/dev/null 2>&1", 1, _UNIT_LIMIT, "docker does not answer"), _UNIT_LIMIT
    if repair.thing == KUBELET:
        url = f"https://{desired.host.address}:{KUBELET_PORT}/healthz"
        ask = f"[ \"$(curl -sk -o /dev/null -w '%{{http_code}}' --max-time 2 {url})\" = 401 ]"
        return _poll(ask, 1, _UNIT_LIMIT, f"port {KUBELET_PORT} does not answer"), _UNIT_LIMIT
    if repair.kind == "restart-unit":
        ask = f"systemctl is-active --quiet {repair.thing}"
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
