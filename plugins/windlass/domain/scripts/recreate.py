"""Scripts that recreate a container and restart a unit, whatever state it is in."""

from __future__ import annotations

import shlex
from datetime import timedelta

from windlass.domain.host.layout import stack_directory
from windlass.domain.scripts.apply import start_notes
from windlass.domain.scripts.script import CHANGED, Script

NO_COMPOSE_FILE = 66
"""Exit code of the script that recreates a container where its Compose file is lost (EX_NOINPUT of sysexits.h)."""
_OTHERS = timedelta(minutes=2)
"""How long another Compose on the same stack is waited for."""


def recreate_script(stack: str, component: str, *, is_gentle: bool) -> Script:
    """Return the script that recreates one container of a stack from the Compose file as it lies on the host.

    One that works gets its time to stop (`is_gentle`); an unhealthy one is ended at once, whatever state it is in.
    Whoever works on the stack already, for a caller that is gone, is waited for by the lock that `stack_script` takes.
    """
    name, project = shlex.quote(f"windlass-{component}"), f"windlass-{stack}"
    up = f"docker compose -p {project} -f compose.yaml up -d --no-deps --force-recreate {shlex.quote(component)}"
    first = f"{up} >$log 2>&1 || " if is_gentle else ""
    reads, note = start_notes(stack)
    text = f"""set -eu
cd {stack_directory(stack)} 2>/dev/null && [ -s compose.yaml ] || exit {NO_COMPOSE_FILE}
exec 9<.
flock -w {_OTHERS.seconds} 9 || {{ echo "another Compose has held {stack} for {_OTHERS.seconds} s" >&2; exit 1; }}
log=$(mktemp); trap 'rm -f $log' EXIT{reads}
{first}{{
  docker rm -f {name} >/dev/null 2>&1 || :
  {up} >$log 2>&1 || {{ tail -n 3 $log >&2; exit 1; }}
}}{note}
echo "{CHANGED}container {component}"
"""
    arguments = {"stack": stack, "component": component, "is_gentle": is_gentle}
    return Script("recreate-container", arguments, text)


def restart_script(unit: str) -> Script:
    """Return the script that restarts a systemd unit, which ends a process that was stopped as well."""
    text = f"""set -u
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
    return Script("restart-unit", {"unit": unit}, text)
