"""Look at one host: a read-only script that asks all at once, and a pure parser of what it prints.

The script needs a POSIX shell, curl, awk and what systemd and Docker bring, and runs as root. It ends within
seconds whatever hangs on the host; what does not answer is told as such, and what it could not tell is left out.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from windlass.domain.bounded import read_from
from windlass.domain.host.containers import Container, by_component, read_container
from windlass.domain.host.health import ETCD, GONE, HostHealth, ServiceHealth, Sight, UnitHealth
from windlass.domain.host.host_checks import (
    ENGINE,
    KUBELET,
    HostChecks,
    ServiceCheck,
    connecting,
    kubelet_probe,
)
from windlass.domain.host.layout import CLUSTER_LABEL, CLUSTER_MARK, ETCD_DATA, KUBELET_PORT
from windlass.domain.scripts.script import Script
from windlass.errors import MALFORMED, NotReadyError

_FULL_KIB = 64 * 1024
"""With less than this free below /var/lib/windlass nothing that is started comes up."""
_HANGING = "hangs"
"""An engine that did not answer within 3 s, and then not within 10 s either."""
_ENOUGH = 3
"""Failed looks in a row at a unit that runs, until it counts as unhealthy."""

_FAILURES = {
    "7": "refuses connections",
    "28": "does not answer in time",
    "52": "closes without an answer",
    "56": "breaks off its answer",
}
"""By curl's exit code: what says that nobody does the work behind a port. All others say that nobody could ask."""

_PRELUDE = r"""
say() { printf '%s=%s\n' "$1" "$2"; }
probe() { # thing accepted words…
  thing=$1; accepted=$2; shift 2; failed=0; code=; seen=
  while [ $failed -lt $rounds ]; do
    code=$("$@"); seen=$?
    case " $accepted " in *" ${code:-000} "*) say probe "$thing ok $failed"; return ;; esac
    case $code in 2??) say probe "$thing ok $failed"; return ;; esac
    failed=$((failed + 1)); [ $failed -ge $rounds ] || sleep 1
  done
  say probe "$thing $failed ${code:-000} $seen"
}
unit() { # name
  systemctl show "$1" -p ActiveState -p SubState -p MainPID -p Result | {
    active=; sub=; pid=0; result=
    while IFS== read -r key value; do
      case $key in
        ActiveState) active=$value ;; SubState) sub=$value ;; MainPID) pid=$value ;; Result) result=$value ;;
      esac
    done
    process=-; [ "$pid" = 0 ] || process=$(awk '/^State:/ {print $2}' /proc/$pid/status 2>/dev/null)
    say unit "$1 ${active:-unknown} ${sub:--} ${process:--} ${result:--}"
  }
}
engine() { timeout "$1" docker ps -aq --no-trunc --filter "$filter" >"$work/ids" 2>/dev/null; }
inspected() {
  : >"$work/containers"
  [ -s "$work/ids" ] || return 0
  xargs timeout 10 docker inspect --format '{{json .}}' <"$work/ids" >"$work/containers" 2>/dev/null
}
"""


def health_script(desired: HostChecks, rounds: int = 1) -> Script:
    """Return the script that looks at a host; what fails a check is asked up to `rounds` times, a second apart."""
    lines = [
        f"rounds={rounds}; filter={shlex.quote(f'label={CLUSTER_LABEL}={desired.cluster}')}",
        "work=$(mktemp -d); trap 'rm -rf $work' EXIT",
        _PRELUDE + connecting(desired.services),
    ]
    for service in desired.services:
        command = service.ask(desired.host.node_address)
        lines.append(f"probe {service.component} '' {command} >$work/probe-{service.component} &")
    if KUBELET in desired.units:
        ask = kubelet_probe(desired.host.node_address, timedelta(seconds=3))
        # It turns down whoever has no certificate: then it lives.
        lines.append(f"probe {KUBELET} 401 {ask} >$work/probe-{KUBELET} &")
    lines += [f"unit {unit}" for unit in desired.units]
    lines.append(
        # An engine that lists containers and does not tell of all of them has not said that any is missing.
        "if engine 3 || { [ $rounds -gt 1 ] && engine 10; }; then\n"
        "  if inspected; then say engine answers; cat $work/containers; else say engine silent; fi\n"
        "elif [ $rounds -gt 1 ]; then say engine hangs; else say engine silent; fi"
    )
    lines.append(f'say mark "$(cat {CLUSTER_MARK} 2>/dev/null)"')
    lines.append(f"if [ -d {ETCD_DATA}/member/wal ]; then say member_data yes; else say member_data no; fi")
    lines.append("df -Pk /var/lib/windlass 2>/dev/null | awk 'NR > 1 {print \"free_kib=\" $4}'")
    lines.append("wait; cat $work/probe-* 2>/dev/null; say complete yes")
    services = tuple(one.component for one in desired.services)
    arguments = {"services": services, "units": desired.units, "rounds": rounds}
    return Script("check-health", arguments, "\n".join(lines) + "\n", is_look=True)


@dataclass(frozen=True)
class _Inspection:
    """What the script printed, sorted."""

    containers: Mapping[str, Container]
    probes: Mapping[str, list[str]]
    units: Mapping[str, list[str]]
    values: Mapping[str, str]
    reported: frozenset[str] = field(default_factory=frozenset)


def parse_health(text: str, desired: HostChecks, reported: frozenset[str], now: datetime) -> HostHealth:
    """Read what the script printed; `reported` are the things of this host that the watch calls unhealthy.

    NotReadyError if the answer is cut short, IntegrityError if it is not of the script's form.
    """
    with read_from(
        f"{desired.host.name}: what it says of its health", "see what its login shell prints, and look again"
    ):
        return _health_of(_read(text, reported), len(text), desired, now)


def _health_of(said: _Inspection, size: int, desired: HostChecks, now: datetime) -> HostHealth:
    if "complete" not in said.values:
        raise NotReadyError(f"{desired.host.name}: its answer is cut short after {size} bytes; look again")
    is_answering = said.values.get("engine") == "answers"
    free = said.values.get("free_kib")
    return HostHealth(
        name=desired.host.name,
        is_worker=not {"etcd", "control-plane"} & set(desired.host.roles),
        services=tuple(_service(one, said, now, is_answering=is_answering) for one in desired.services),
        units=tuple(_unit(unit, said) for unit in desired.units),
        has_member_data=said.values.get("member_data") == "yes" if ETCD in desired.host.roles else None,
        is_bare=said.values.get("mark") == "" and not said.containers and said.values.get("member_data") != "yes",
        is_full=free is not None and int(free) < _FULL_KIB,
    )


def _read(text: str, reported: frozenset[str]) -> _Inspection:
    containers: list[Container] = []
    probes: dict[str, list[str]] = {}
    units: dict[str, list[str]] = {}
    values: dict[str, str] = {}
    is_garbled = False
    for line in text.splitlines():
        if line.startswith("{"):
            container = _container(line)
            if container is None:
                is_garbled = True
            else:
                containers.append(container)
            continue
        key, _, value = line.partition("=")
        words = value.split()
        if key == "probe":
            probes[words[0]] = words[1:]
        elif key == "unit":
            units[words[0]] = words[1:]
        else:
            values[key] = value
    if is_garbled:
        values["engine"] = "silent"  # whatever that container is, it must not count as missing
    return _Inspection(by_component(containers), probes, units, values, reported)


def _container(line: str) -> Container | None:
    try:
        inspected: dict[str, Any] = json.loads(line)
        return read_container(inspected)
    except MALFORMED:
        return None


def _service(desired: ServiceCheck, said: _Inspection, now: datetime, *, is_answering: bool) -> ServiceHealth:
    container = said.containers.get(desired.component)
    state = "unknown" if not is_answering else "missing" if container is None else container.state
    answers, failed, told = _answer(said.probes.get(desired.component, []), desired.check.port)
    if state in GONE:
        answers = "unhealthy"
    started = container.started if container is not None else None
    return ServiceHealth(
        component=desired.component,
        stack=desired.stack,
        state=state,
        answers=answers,
        reason=_why(state, container, told),
        failed_checks=failed,
        age=None if started is None else max(now - started, timedelta(0)),
        is_crashing=container is not None and container.is_crashing,
        initializing=desired.check.initializing_timeout,
        strategy=desired.check.strategy,
        quorum=desired.check.quorum,
        unhealthy_threshold=desired.check.unhealthy_threshold,
    )


def _why(state: str, container: Container | None, told: str) -> str:
    match state:
        case "missing":
            return "there is no container of it"
        case "exited" | "dead":
            return f"it ended with {container.exit_code if container else 'an unknown code'}"
        case "running" | "unknown":
            return told
        case _:
            return f"its container is {state}"


def _answer(words: list[str], port: int) -> tuple[Sight, int, str]:
    """Read a probe: `ok FAILED`, or `FAILED CODE EXIT` of curl."""
    if not words:
        return "unknown", 0, "it was not asked"
    if words[0] == "ok":
        return "healthy", 0, ""
    failed, code, left = int(words[0]), words[1], words[2] if len(words) > 2 else ""
    if code != "000":
        return "unhealthy", failed, f"port {port} answers {code}"
    told = _FAILURES.get(left)
    if told is None:
        # A certificate that does not verify, or curl itself: to start the process again would not change it.
        return "unknown", 0, f"port {port} cannot be asked (curl {left})"
    return "unhealthy", failed, f"port {port} {told}"


def _unit(unit: str, said: _Inspection) -> UnitHealth:
    words = said.units.get(unit, [])
    if len(words) < 3 or words[0] == "unknown":
        return UnitHealth(unit, "unknown", "systemd did not tell")
    active, sub, process = words[0], words[1], words[2]
    if process in {"T", "t"}:
        return UnitHealth(unit, "unhealthy", "its process is stopped (SIGSTOP)")
    if active in {"inactive", "failed"}:
        result = words[3] if len(words) > 3 else ""
        return UnitHealth(
            unit, "unhealthy", f"it is {active} ({result})" if result not in {"", "-", "success"} else f"it is {active}"
        )
    is_reported = unit in said.reported
    if active != "active":
        return UnitHealth(unit, "unhealthy" if is_reported else "unknown", f"it is {active} ({sub})")
    return _active_unit(unit, said, is_reported=is_reported)


def _active_unit(unit: str, said: _Inspection, *, is_reported: bool) -> UnitHealth:
    """Judge a unit that systemd calls active by whether it answers."""
    engine = said.values.get("engine")
    if unit == ENGINE and engine != "answers":
        is_ill = is_reported or engine == _HANGING
        return UnitHealth(unit, "unhealthy" if is_ill else "unknown", "it runs and does not answer", is_suspect=True)
    if unit == KUBELET:
        answers, failed, told = _answer(said.probes.get(KUBELET, []), KUBELET_PORT)
        if answers == "unhealthy":
            is_ill = is_reported or failed >= _ENOUGH
            return UnitHealth(unit, "unhealthy" if is_ill else "unknown", told, is_suspect=True)
    return UnitHealth(unit, "healthy")
