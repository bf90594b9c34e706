"""The script that waits on a host until what was acted on passes its checks as often as it must."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from windlass.domain.host.containers import CRASHES
from windlass.domain.host.health import ETCD
from windlass.domain.host.host_checks import ENGINE, KUBELET, HostChecks, connecting, kubelet_probe
from windlass.domain.host.layout import KUBELET_PORT
from windlass.domain.scripts.script import Script


@dataclass(frozen=True)
class _Check:
    """What is asked over and over, how often in a row it must pass, and what is said if it does not in time."""

    ask: str
    passes: int
    why: str
    limit: timedelta = timedelta(seconds=60)
    gives_up: str = ":"
    needs: str = ""


def wait_script(desired: HostChecks, component: str, *, is_unit: bool) -> tuple[Script, timedelta] | None:
    """Return the script that waits on the host itself until the component is healthy, and how long it waits at most.

    None where nothing on the host tells; `is_unit` says that systemd runs it.
    """
    check = _check_of(desired, component, is_unit=is_unit)
    if check is None:
        return None
    return Script(
        "wait-until-healthy", {"component": component, "limit": check.limit}, _poll(check), is_look=True
    ), check.limit


def _check_of(desired: HostChecks, component: str, *, is_unit: bool) -> _Check | None:
    service = desired.service(component)
    if service is not None:
        ask = f"code=$({service.ask(desired.host.node_address)}); case $code in 2??) true ;; *) false ;; esac"
        limit = max(service.check.reinitializing_timeout, timedelta(seconds=20))
        gives_up = _crash_lines(component) if component == ETCD else ":"
        needs = connecting([service])
        return _Check(ask, service.check.healthy_threshold, "port answers ${code:-nothing}", limit, gives_up, needs)
    if component == ENGINE:
        return _Check("timeout 3 docker ps -q >/dev/null 2>&1", 1, "docker does not answer")
    if component == KUBELET:
        ask = f'[ "$({kubelet_probe(desired.host.node_address, timedelta(seconds=2))})" = 401 ]'
        return _Check(ask, 1, f"port {KUBELET_PORT} does not answer")
    if is_unit:
        return _Check(f"systemctl is-active --quiet {component}", 2, "systemd does not call it active")
    return None


def _crash_lines(component: str) -> str:
    """Return the lines that end the wait for a container which Docker starts again and again.

    Of a member of etcd whose data are spoilt nothing else comes, and its time to start is long.
    """
    return f"""restarts=$(timeout 5 docker inspect -f '{{{{.RestartCount}}}}' windlass-{component} 2>/dev/null)
  if [ "${{restarts:-0}}" -ge {CRASHES} ] 2>/dev/null; then
    echo "it ends again and again; see docker logs windlass-{component}"; exit 1
  fi"""


def _poll(check: _Check) -> str:
    return f"""{check.needs}end=$(( $(date +%s) + {check.limit.seconds} )); passes=0
while [ $(date +%s) -lt $end ]; do
  if {check.ask}; then passes=$((passes + 1)); [ $passes -lt {check.passes} ] || exit 0; sleep 1
  else passes=0; sleep 0.5; fi
  {check.gives_up}
done
echo "{check.why}"; exit 1
"""
