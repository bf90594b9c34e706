"""Ask a host what an audit judges: one read-only script, and a pure parser of what it prints.

No secret is asked for: of private keys and of encryption.yaml it tells mode and owner, of the latter the names of the
providers too. It runs as root, and needs what a plain Linux server has.
"""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from windlass.domain.bounded import read_from
from windlass.domain.hardening import FileAccess, HostAudit
from windlass.domain.host.layout import (
    API_SERVER,
    CNI_CONFIG,
    ENCRYPTION_CONFIG,
    ETC,
    ETCD_DATA,
    KUBELET_CONFIG,
    PROXY_METRICS_PORT,
    SYSTEMD,
    stack_directory,
)
from windlass.domain.scripts.script import Script
from windlass.domain.spec.models import Host
from windlass.domain.yamltext import read_yaml
from windlass.errors import MALFORMED, IntegrityError, NotReadyError

_COMPONENTS = (API_SERVER, "kube-controller-manager", "kube-scheduler", "etcd")
_DOCUMENTS = {"kubelet": KUBELET_CONFIG} | {
    name: f"{stack_directory('control-plane')}/{name}.yaml" for name in ("admission", "audit-policy", "authentication")
}
_PROVIDERS = "secretbox|identity|aescbc|aesgcm|kms"
_METRICS_PORT = f"{PROXY_METRICS_PORT:04X}"

_TEXT = f"""say() {{ printf '%s=%s\\n' "$1" "$2"; }}
find {ETC} {CNI_CONFIG} {SYSTEMD}/kubelet.service -exec stat -c 'file=%a %U:%G %n' {{}} + 2>/dev/null
stat -c 'file=%a %U:%G %n' {ETCD_DATA} 2>/dev/null
for component in {" ".join(_COMPONENTS)}; do
  args=$(timeout 20 docker inspect --type container --format '{{{{if .State.Running}}}}{{{{json .Args}}}}{{{{end}}}}' \\
    "windlass-$component" 2>/dev/null) && [ -n "$args" ] && say args "$component $args"
done
pid=$(systemctl show -p MainPID --value kubelet 2>/dev/null)
if [ "${{pid:-0}}" != 0 ] && [ -r "/proc/$pid/cmdline" ]; then
  say kubelet runs
  tr '\\0' '\\n' <"/proc/$pid/cmdline" | sed -n 's/^--/kubelet_arg=--/p'
fi
document() {{ [ ! -r "$2" ] || say document "$1 $(base64 <"$2" | tr -d '\\n')"; }}
{chr(10).join(f"document {name} {shlex.quote(path)}" for name, path in _DOCUMENTS.items())}
grep -oE '^ *- ({_PROVIDERS}):' {ENCRYPTION_CONFIG} 2>/dev/null | tr -d ' :-' | sed 's/^/provider=/'
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
  awk '$4 == "0A" && $2 ~ /:{_METRICS_PORT}$/ {{print "proxy_metrics=" $2}}'
say complete yes
"""


def audit_script() -> Script:
    """Return the script, which is the same for all hosts."""
    return Script("audit-host", {}, _TEXT)


def parse_audit(text: str, host: Host) -> HostAudit:
    """Read what the script printed on `host`.

    NotReadyError if the answer is cut short, IntegrityError if it is not of the script's form.
    """
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        values.setdefault(key, []).append(value)
    if "complete" not in values:
        raise NotReadyError(f"{host.name}: its answer is cut short after {len(text)} bytes; run the audit again")
    with read_from(f"{host.name}: what it says of itself", "see what its login shell prints, and run the audit again"):
        return HostAudit(
            host,
            files=dict(_file(value) for value in values.get("file", ())),
            flags=dict(_flags(values)),
            documents=dict(_document(host.name, value) for value in values.get("document", ())),
            providers=tuple(values.get("provider", ())),
            proxy_metrics=tuple(values.get("proxy_metrics", ())),
        )


def _file(value: str) -> tuple[str, FileAccess]:
    mode, owner, path = value.split(" ", 2)
    return path, FileAccess(int(mode, 8), owner)


def _flags(values: Mapping[str, list[str]]) -> Iterable[tuple[str, dict[str, str]]]:
    for value in values.get("args", ()):
        component, _, words = value.partition(" ")
        yield component, _by_name(json.loads(words))
    if "kubelet" in values:
        yield "kubelet", _by_name(values.get("kubelet_arg", ()))


def _by_name(words: Iterable[str]) -> dict[str, str]:
    """Return flags by name; one that stands there again replaces, as programs read them."""
    parts = (word.removeprefix("--").partition("=") for word in words if word.startswith("--"))
    return {name: value if is_given else "true" for name, is_given, value in parts}


def _document(host: str, value: str) -> tuple[str, Mapping[str, Any]]:
    name, _, encoded = value.partition(" ")
    try:
        found = read_yaml(base64.b64decode(encoded, validate=True).decode())
    except (*MALFORMED, yaml.YAMLError):
        # Without its cause, which quotes the file.
        raise IntegrityError(f"{host}: {_DOCUMENTS.get(name, name)} is no YAML; apply the cluster again") from None
    if not isinstance(found, dict):
        raise IntegrityError(f"{host}: {_DOCUMENTS.get(name, name)} is no mapping; apply the cluster again")
    return name, found
