"""Bring units and stacks on a host to what lies there, and leave those alone that run so already."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from windlass.domain.host.layout import APPLIED, COMPONENT_LABEL, DIGEST_LABEL, STACKS
from windlass.domain.scripts.install import CHANGED
from windlass.domain.yamltext import read_yaml


def unit_script(unit: str, files: Sequence[str], binaries: Sequence[str]) -> str:
    """Return a script that enables and starts a systemd unit, or restarts it if what it reads has changed since.

    `files` count by their content (a directory by all in it), `binaries` by where their links lead, since they are
    stored by content.
    """
    name, applied = shlex.quote(unit), noted(unit)
    return f"""set -eu
{digest_lines(files, binaries)}
if [ "$(cat {applied} 2>/dev/null)" = "$digest" ] && systemctl is-active --quiet {name}; then exit 0; fi
mkdir -p {APPLIED}
systemctl daemon-reload
systemctl enable --quiet {name} 2>/dev/null
if ! systemctl restart {name}; then
  journalctl -u {name} -n 5 --no-pager -o cat >&2; echo "{unit} does not start; see journalctl -u {unit}" >&2; exit 1
fi
echo "$digest" > {applied}.new; mv {applied}.new {applied}
echo "{CHANGED}unit {unit}"
"""


def digest_lines(files: Sequence[str], binaries: Sequence[str] = ()) -> str:
    """Return the shell lines that set `digest` to that of all that is read; as `noted` if nothing changed."""
    listed = f"find {shlex.join(files)} -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum"
    led_to = f"readlink -f {shlex.join(binaries)}" if binaries else ":"
    return f"digest=$( {{ {listed}; {led_to}\n  }} | sha256sum | cut -d' ' -f1)"


def stack_script(stack: str, services: Mapping[str, str], only: Sequence[str] = ()) -> str:
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
    filters = f"--filter label=com.docker.compose.project={project} --filter status=running"
    return f"""set -eu
exec 9<{STACKS}/{stack}
flock 9
have=$(docker ps {filters} --format {shlex.quote(labels)}{picked} | LC_ALL=C sort)
if [ "$have" = {shlex.quote(want)} ]; then exit 0; fi
log=$(mktemp); trap 'rm -f $log' EXIT
cd {STACKS}/{stack}
if ! docker compose -p {project} -f compose.yaml up -d {chosen} >$log 2>&1; then tail -n 3 $log >&2; exit 1; fi
echo "{CHANGED}{told}"
"""


def settings_script(what: str, files: Sequence[str], load: str) -> str:
    """Return a script that has `files` loaded by the shell lines `load` if they changed since that was last done.

    That it was done is noted on the host, so that what was broken off between the two is made up for.
    """
    applied = noted(what)
    return f"""set -eu
{digest_lines(files)}
[ "$(cat {applied} 2>/dev/null)" != "$digest" ] || exit 0
{load}
mkdir -p {APPLIED}
echo "$digest" > {applied}.new; mv {applied}.new {applied}
echo "{CHANGED}{what}"
"""


def noted(what: str) -> str:
    """Return the path, quoted, of the file that says what a unit or settings were last started or loaded with."""
    return shlex.quote(f"{APPLIED}/{what.replace(' ', '-')}")


def service_digests(compose: str) -> dict[str, str]:
    """Return the digest that each component of a rendered Compose file is labelled with."""
    labels = [service["labels"] for service in read_yaml(compose)["services"].values()]
    return {one[COMPONENT_LABEL]: one[DIGEST_LABEL] for one in labels}
