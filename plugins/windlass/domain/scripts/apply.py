"""Bring units and stacks on a host to what lies there, and leave those alone that run so already."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta

from windlass.domain.host.layout import (
    ADDRESS_CONFIG,
    ADDRESS_CONTAINER,
    ADDRESS_STACK,
    API_PROXY,
    API_SERVER_NAME,
    APPLIED,
    COMPONENT_LABEL,
    DIGEST_LABEL,
    DOCKER_PROXY,
    KERNEL_MODULES,
    PKI,
    PROXY_CA,
    PROXY_CONFIG,
    PROXY_CONTAINER,
    PROXY_ENVIRONMENT,
    PROXY_PORT,
    PROXY_SERVICE,
    PROXY_TRUST,
    STACKS,
    VIRTUAL_ADDRESS,
)
from windlass.domain.scripts.curl import CurlProbe
from windlass.domain.scripts.own_files import LOAD_PARAMETERS
from windlass.domain.scripts.script import CHANGED, Script
from windlass.domain.yamltext import read_yaml


def unit_script(unit: str, files: Sequence[str], binaries: Sequence[str]) -> Script:
    """Return a script that enables and starts a systemd unit, or restarts it if what it reads has changed since.

    `files` count by their content (a directory by all in it), `binaries` by where their links lead, since they are
    stored by content.
    """
    name, applied = shlex.quote(unit), noted(unit)
    text = f"""set -eu
{digest_lines(files, binaries)}
if [ "$(cat {applied} 2>/dev/null)" = "$digest" ] && systemctl is-active --quiet {name}; then exit 0; fi
systemctl daemon-reload
systemctl enable --quiet {name} 2>/dev/null
if ! systemctl restart {name}; then
  journalctl -u {name} -n 5 --no-pager -o cat >&2; echo "{unit} does not start; see journalctl -u {unit}" >&2; exit 1
fi
{note_line(unit)}
echo "{CHANGED}unit {unit}"
"""
    return Script("start-unit", {"unit": unit, "files": tuple(files), "binaries": tuple(binaries)}, text)


def after_api(start: Script) -> Script:
    """Return a script that does what `start` does once an API server answers; it exits with NO_API if none does."""
    return Script(start.name, {**start.arguments, "after_api": True}, _UNTIL_API + start.text)


_API_ANSWERS = CurlProbe(
    f"https://127.0.0.1:{PROXY_PORT}/readyz", timedelta(seconds=2), ca=f"{PKI}/ca.crt", server_name=API_SERVER_NAME
)
NO_API = 75
"""What `after_api` exits with where no API server has answered in time: sysexits' word for "try again later"."""
_UNTIL_API = f"""deadline=$(( $(date +%s) + 240 ))
until said=$({_API_ANSWERS} 2>&1); do
  if [ "$(date +%s)" -ge "$deadline" ]; then
    echo "no API server answers through this host's proxy, port {PROXY_PORT}: $said" >&2; exit {NO_API}
  fi
  sleep 0.3
done
"""


def digest_lines(files: Sequence[str], binaries: Sequence[str] = ()) -> str:
    """Return the shell lines that set `digest` to that of all that is read; as `noted` if nothing changed."""
    listed = f"find {shlex.join(files)} -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum"
    led_to = f"readlink -f {shlex.join(binaries)}" if binaries else ":"
    return f"digest=$( {{ {listed}; {led_to}\n  }} | sha256sum | cut -d' ' -f1)"


def stack_script(stack: str, services: Mapping[str, str], only: Sequence[str] = ()) -> Script:
    """Return a script that brings a Compose stack up unless each of its services (name to digest) runs as rendered.

    With `only` it looks at these services alone, and leaves the others as they are, whatever their file says. A script
    that was begun before and whose caller is gone is waited for: two at once would take each other's containers.
    """
    desired = {service: digest for service, digest in services.items() if not only or service in only}
    want = "\n".join(sorted(f"{service}={digest}" for service, digest in desired.items()))
    chosen = f"--no-deps {shlex.join(only)}" if only else "--remove-orphans"
    picked = f" | grep -E {shlex.quote('^(' + '|'.join(only) + ')=')}" if only else ""
    project = f"windlass-{stack}"
    labels = f'{{{{.Label "{COMPONENT_LABEL}"}}}}={{{{.Label "{DIGEST_LABEL}"}}}}'
    told = ", ".join(only) or f"stack {stack}"
    reads, note = start_notes(stack)
    filters = f"--filter label=com.docker.compose.project={project} --filter status=running"
    text = f"""set -eu
exec 9<{STACKS}/{stack}
flock 9
have=$(docker ps {filters} --format {shlex.quote(labels)}{picked} | LC_ALL=C sort)
if [ "$have" = {shlex.quote(want)} ]; then exit 0; fi
log=$(mktemp); trap 'rm -f $log' EXIT
cd {STACKS}/{stack}{reads}
if ! docker compose -p {project} -f compose.yaml up -d {chosen} >$log 2>&1; then tail -n 3 $log >&2; exit 1; fi{note}
echo "{CHANGED}{told}"
"""
    return Script("start-stack", {"stack": stack, "services": dict(services), "only": tuple(only)}, text)


_READS = {
    PROXY_SERVICE: {API_PROXY: PROXY_CONFIG, PROXY_TRUST: PROXY_CA},
    ADDRESS_STACK: {VIRTUAL_ADDRESS: ADDRESS_CONFIG},
}
"""What the API proxy and keepalived read when they start and are reloaded: by stack and what plans call it."""
_PROXY_COMPOSE = f"{STACKS}/{PROXY_SERVICE}/compose.yaml"
_STATE_AND_DIGEST = shlex.quote(
    f'{{{{.State.Status}}}} {{{{.State.Pid}}}} {{{{index .Config.Labels "{DIGEST_LABEL}"}}}}'
)
# One that does not run reads its file when it is started, as does one that is to be recreated, whose HAProxy may be
# another than the file is for. A new worker takes the sockets over from the one before, so that no connection is
# refused or cut: https://docs.haproxy.org/2.6/management.html#4
_RELOAD_PROXY = f"""
running=$(docker inspect --format {_STATE_AND_DIGEST} {PROXY_CONTAINER} 2>/dev/null) || exit 0
read -r state master rendered <<END
$running
END
[ "$state" = running ] && grep -qF -- "$rendered" {_PROXY_COMPOSE} || exit 0
log=$(mktemp); trap 'rm -f $log' EXIT
if ! docker exec {PROXY_CONTAINER} haproxy -c -f {PROXY_CONFIG} >$log 2>&1; then
  grep ALERT $log | head -n 3 >&2
  echo "HAProxy does not take {PROXY_CONFIG}; the API proxy goes on with what it had" >&2; exit 1
fi
before=$(pgrep -P "$master" | sort) || :
docker kill --signal USR2 {PROXY_CONTAINER} >/dev/null
deadline=$(( $(date +%s) + 20 ))
until [ -n "$(pgrep -P "$master" | grep -vxF -- "$before")" ]; do
  if [ "$(date +%s)" -ge "$deadline" ]; then
    docker logs --tail 3 {PROXY_CONTAINER} >&2
    echo "the API proxy has not reloaded {PROXY_CONFIG}; see docker logs {PROXY_CONTAINER}" >&2; exit 1
  fi
  sleep 0.1
done
"""
# One that does not run reads its file when it is started. A reload keeps whoever holds the address: the instance stays
# what it is, https://keepalived.readthedocs.io/en/latest/software_design.html
_RELOAD_ADDRESS = f"""
running=$(docker inspect --format '{{{{.State.Status}}}}' {ADDRESS_CONTAINER} 2>/dev/null) || exit 0
[ "$running" = running ] || exit 0
docker kill --signal HUP {ADDRESS_CONTAINER} >/dev/null
"""
_PROXY_NOTE = f"{APPLIED}/docker-proxy"
_LOAD = {
    # Modules may be built in and single sysctls read-only (in a container); preflight and verify tell what matters.
    "kernel settings": f"""
[ ! -e {KERNEL_MODULES} ] || xargs -rn1 modprobe -q < {KERNEL_MODULES} || :{LOAD_PARAMETERS}""",
    # A restart takes all settings; where containers run, a reload takes the registries, which is what they need.
    "docker settings": """
if [ -z "$(docker ps -q)" ]; then restart=yes; else restart=no; fi
"""
    f"""
# A proxy is taken by a restart alone; with live-restore, containers run on through it.
proxy=$(cat {DOCKER_PROXY} {PROXY_ENVIRONMENT} 2>/dev/null | sha256sum | cut -d' ' -f1)
before=$(cat {_PROXY_NOTE} 2>/dev/null || printf '' | sha256sum | cut -d' ' -f1)
if [ "$proxy" != "$before" ]; then restart=yes; systemctl daemon-reload; fi
if [ $restart = yes ]; then systemctl restart docker; else systemctl reload docker; fi
mkdir -p {APPLIED}; echo "$proxy" >{_PROXY_NOTE}
""",
    API_PROXY: _RELOAD_PROXY,
    PROXY_TRUST: _RELOAD_PROXY,
    VIRTUAL_ADDRESS: _RELOAD_ADDRESS,
}


def settings_script(what: str, files: Sequence[str]) -> Script:
    """Return a script that has the settings in `files` loaded if they changed since that was last done.

    That it was done is noted on the host, so that what was broken off between the two is made up for. The API proxy
    reads all that it has to read at once: where both of its settings changed, one reload does.
    """
    applied = noted(what)
    stack = next((stack for stack, reads in _READS.items() if what in reads), "")
    reads, note = start_notes(stack) if stack else ("", f"\n{note_line(what)}")
    text = f"""set -eu
{digest_lines(files)}
[ "$(cat {applied} 2>/dev/null)" != "$digest" ] || exit 0{reads}
{_LOAD[what]}{note}
echo "{CHANGED}{what}"
"""
    return Script("load-settings", {"what": what, "files": tuple(files)}, text)


def noted(what: str) -> str:
    """Return the path, quoted, of the file that says what a unit or settings were last started or loaded with."""
    return shlex.quote(f"{APPLIED}/{what.replace(' ', '-')}")


def note_line(what: str) -> str:
    """Return the shell line that notes `digest` as what a unit or settings were last started or loaded with."""
    applied = noted(what)
    return f'mkdir -p {APPLIED}; echo "$digest" > {applied}.new; mv {applied}.new {applied}'


def start_notes(stack: str) -> tuple[str, str]:
    """Return the shell lines to add before and after a start of a stack's containers, to note the settings they read.

    The digest is taken before the start: what is written meanwhile is loaded once more, which does no harm.
    """
    if stack not in _READS:
        return "", ""
    read = {noted(what): path for what, path in _READS[stack].items()}
    taken = [f'\n{digest_lines([path])}; echo "$digest" > {note}.start' for note, path in read.items()]
    kept = [f"\nmv {note}.start {note}" for note in read]
    return "".join((f"\nmkdir -p {APPLIED}", *taken)), "".join(kept)


def service_digests(compose: str) -> dict[str, str]:
    """Return the digest that each component of a rendered Compose file is labelled with."""
    labels = [service["labels"] for service in read_yaml(compose)["services"].values()]
    return {one[COMPONENT_LABEL]: one[DIGEST_LABEL] for one in labels}
