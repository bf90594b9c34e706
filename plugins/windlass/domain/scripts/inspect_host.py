"""Find out what a host holds and runs: one read-only script, and a pure parser of what it prints.

It asks for all that `windlass.domain.host.desired` says belongs on the host, but for the files, which the connection
tells of (`Connection.stat`), and for what the machine itself is (`windlass.domain.host.facts`): that has to be known
before anything can be rendered for it. The script runs as root, needs a POSIX shell, systemd and, where there is one,
Docker; what it could not find out it leaves out, and the parser makes an `Unknown` of that.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from windlass.domain.bounded import read_from
from windlass.domain.host.containers import Container, by_component, read_container
from windlass.domain.host.desired import CONTAINERD, DesiredHost, DesiredUnit
from windlass.domain.host.facts import HostFacts
from windlass.domain.host.file_drift import ObservedFile, Unknown
from windlass.domain.host.layout import (
    ARTIFACTS,
    COMPONENT_LABEL,
    CONTAINERD_SOCKET,
    PROGRAMS,
    SYSTEMD,
    artifact_directory,
)
from windlass.domain.host.observed import LoadedFiles, ObservedHost, ObservedUnit
from windlass.domain.scripts.apply import digest_lines, noted
from windlass.domain.scripts.own_files import OWN_LINES
from windlass.domain.scripts.script import Script
from windlass.errors import MALFORMED, NotReadyError

_SILENT = Unknown("Docker did not tell of all containers")
_NO_IMAGES = Unknown("the runtime did not answer")

_PRELUDE = f"""say() {{ printf '%s=%s\\n' "$1" "$2"; }}
if [ ! -d {ARTIFACTS} ]; then say programs known
elif programs=$(ls {ARTIFACTS} 2>/dev/null); then
  say programs known
  for program in $programs; do say program "$program"; done
fi
# An engine that lists containers and does not tell of all of them has not said that any is missing.
engine=silent; containers=
if ids=$(timeout 20 docker ps -aq --no-trunc --filter label={COMPONENT_LABEL} 2>/dev/null); then
  if [ -z "$ids" ] || containers=$(timeout 20 docker inspect --format '{{{{json .}}}}' $ids 2>/dev/null); then
    engine=answers; printf '%s\\n' "$containers"
  fi
fi
say engine $engine"""


def inspect_host(desired: DesiredHost) -> Script:
    """Return the script; it asks for the images, links, settings and units that belong on the host."""
    images = [one.reference for one in desired.images if one.runtime == "docker"]
    lines = [_PRELUDE, *_image_lines(images)]
    links = [one.path for one in desired.links]
    lines += [f'[ ! -L {path} ] || say link "{path} $(readlink {path})"' for path in map(shlex.quote, links)]
    for name, files in desired.settings.items():
        lines += [digest_lines(files), f'say setting "$digest:$(cat {noted(name)} 2>/dev/null):{name}"']
    for unit in desired.units:
        lines += _unit_lines(unit)
    read_once = sorted({path for one in desired.services.values() for path in one.reads_once})
    lines += [f'say written "{path} $(stat -c %.6Y {path} 2>/dev/null)"' for path in map(shlex.quote, read_once)]
    lines += [OWN_LINES, "say complete yes"]
    arguments = {
        "images": images,
        "links": links,
        "settings": {name: list(files) for name, files in desired.settings.items()},
        "units": {unit.name: (list(unit.files), list(unit.binaries)) for unit in desired.units},
        "read_once": read_once,
    }
    return Script("inspect-host", arguments, "\n".join(lines), is_look=True)


def _image_lines(images: Iterable[str]) -> Iterator[str]:
    yield "if [ $engine = answers ]; then say images docker"
    for image in map(shlex.quote, images):
        yield f'  timeout 20 docker image inspect {image} >/dev/null 2>&1 && say image "docker "{image}'
    yield "fi"


def _unit_lines(unit: DesiredUnit) -> Iterator[str]:
    yield digest_lines(unit.files, unit.binaries)
    yield f"state=$(systemctl is-active {unit.name} 2>/dev/null)"
    yield f'say unit "{unit.name}:${{state:-unknown}}:$digest:$(cat {noted(unit.name)} 2>/dev/null)"'
    directory = PROGRAMS if unit.name == "kubelet" else f"{PROGRAMS}/{unit.component}"
    version = rf"s|^ExecStart={directory}/\([^/]*\)/bin/.*|version={unit.component} \1|p"
    yield f"sed -n '{version}' {SYSTEMD}/{unit.name}.service 2>/dev/null"
    if unit.name == CONTAINERD:
        ctr = f"{artifact_directory('containerd', unit.version)}/bin/ctr"
        yield f"ctr=$(command -v {ctr} || ls {PROGRAMS}/containerd/*/bin/ctr 2>/dev/null | tail -n 1)"
        listed = f"timeout 20 $ctr -a {CONTAINERD_SOCKET} -n k8s.io images ls -q 2>/dev/null"
        yield f'if [ -n "$ctr" ] && images=$({listed}); then'
        yield '  say images containerd; for image in $images; do say image "containerd $image"; done'
        yield "fi"


def parse_inspection(text: str, name: str, facts: HostFacts, files: Mapping[str, ObservedFile]) -> ObservedHost:
    """Read what the script printed on the host `name`, and put it together with what is known of it besides.

    NotReadyError if the answer is cut short, IntegrityError if it is not of the script's form.
    """
    values: dict[str, list[str]] = {}
    containers: list[Container | None] = []
    for line in text.splitlines():
        if line.startswith("{"):
            containers.append(_container(line))
        else:
            key, _, value = line.partition("=")
            values.setdefault(key, []).append(value)
    if "complete" not in values:
        raise NotReadyError(f"{name}: its answer is cut short after {len(text)} bytes; look again")
    with read_from(f"{name}: what it says of what it holds", "see what its login shell prints, and look again"):
        return ObservedHost(
            name,
            facts,
            programs=frozenset(values.get("program", ())) if "programs" in values else Unknown(),
            links=_pairs(values.get("link", ())),
            files=files,
            own=frozenset(values.get("own", ())),
            settings=dict(_setting(value) for value in values.get("setting", ())),
            units=dict(_unit(value) for value in values.get("unit", ())),
            versions=_pairs(values.get("version", ())),
            written={path: _moment(at) for path, at in _pairs(values.get("written", ())).items() if at},
            containers=_containers(containers) if values.get("engine") == ["answers"] else _SILENT,
            images=_images(values),
        )


def _pairs(values: Iterable[str]) -> dict[str, str]:
    found = (value.partition(" ") for value in values)
    return {name: rest for name, _, rest in found}


def _moment(seconds: str) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


def _setting(value: str) -> tuple[str, LoadedFiles]:
    digest, note, name = value.split(":", 2)
    return name, LoadedFiles(digest, note)


def _unit(value: str) -> tuple[str, ObservedUnit]:
    name, state, digest, note = value.split(":", 3)
    return name, ObservedUnit(state, LoadedFiles(digest, note))


def _images(values: Mapping[str, list[str]]) -> dict[str, frozenset[str] | Unknown]:
    listed = [value.partition(" ") for value in values.get("image", ())]
    found: dict[str, frozenset[str] | Unknown] = dict.fromkeys(("docker", "containerd"), _NO_IMAGES)
    for runtime in values.get("images", ()):
        found[runtime] = frozenset(image for which, _, image in listed if which == runtime)
    return found


def _containers(found: list[Container | None]) -> Mapping[str, Container] | Unknown:
    """Return containers by component, those of stacks before those that an operation runs for a while."""
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return _SILENT  # whatever that one is, it must not count as missing
    return {**by_component(one for one in known if not one.stack), **by_component(one for one in known if one.stack)}


def _container(line: str) -> Container | None:
    try:
        return read_container(json.loads(line))
    except MALFORMED:
        return None
