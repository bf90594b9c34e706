"""The JSON Schema as editors have it: that of the models, with the forms of texts as the checks want them.

What is checked across fields no schema says; whatever this one refuses, the checks refuse.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

from windlass.domain.catalog.flags import COMPONENTS
from windlass.domain.spec.checks.hosts import EFFECTS
from windlass.domain.spec.checks.machine_settings import MODE, OWNER, PARAMETER, PATH, PATTERN
from windlass.domain.spec.checks.operation import BUCKET, BUNDLE, VARIABLE
from windlass.domain.spec.checks.platform import FLAG, VERSION
from windlass.domain.spec.checks.syntax import LABEL
from windlass.domain.spec.schema import json_schema
from windlass.domain.spec.windows import TIMES

Form = Mapping[str, Any]
"""Keywords of JSON Schema that are added to those of a text."""


def _whole(pattern: str | re.Pattern[str], **more: Any) -> Form:
    """Return the form of a text that is all of a pattern, for which JSON Schema searches anywhere.

    Editors search with the patterns of JavaScript, where `$` is the very end, and some with Python's, where it is not.
    """
    text = pattern if isinstance(pattern, str) else pattern.pattern
    return {"pattern": rf"^(?:{text})(?!\n)$", **more}


_DNS_NAME = _whole(rf"{LABEL.pattern}(\.{LABEL.pattern})*", maxLength=253)
_ADDRESS: Form = {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}
_REACHED: Form = {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}, {"format": "hostname"}]}
_RANGE = _whole(r"[0-9A-Fa-f.:]+/[0-9.]+")
_CRON = _whole(r"\s*\S+(\s+\S+){4}\s*", examples=["*/5 * * * *"])
_PARAMETERS = _whole(PARAMETER)
FORMS: Mapping[str, Form] = {
    "Metadata.name": _whole(LABEL, maxLength=63),
    "Kubernetes.version": _whole(VERSION),
    "Hosts.provider": _whole(LABEL),
    "Host.name": {**_DNS_NAME, "maxLength": 63},
    "Host.address": _REACHED,
    "Host.privateAddress": _ADDRESS,
    "Host.secondaryAddress": _ADDRESS,
    "Host.taints[]": _whole(rf"[^=:]+(=[^:]*)?:({'|'.join(EFFECTS)})"),
    "Host.sysctls{}": _PARAMETERS,
    "Api.endpoint": _whole(r"([^:/\[\]]+|\[[0-9a-f:.]+\]):[0-9]+", examples=["k8s.example.com:6443"]),
    "Api.virtualAddress": _ADDRESS,
    "Oidc.issuer": {"pattern": "^[Hh][Tt][Tt][Pp][Ss]://"},
    "Network.podCidr": _RANGE,
    "Network.serviceCidr": _RANGE,
    "Network.podCidrs[]": _RANGE,
    "Network.serviceCidrs[]": _RANGE,
    "Network.clusterDomain": _DNS_NAME,
    "Artifacts.mirror": {"pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"},
    "ClusterSpec.components{}": {"enum": sorted(COMPONENTS)},
    "Component.extraArgs{}": _whole(FLAG),
    "ClusterSpec.health{}": _DNS_NAME,
    "ClusterSpec.sysctls{}": _PARAMETERS,
    "MachineSettings.sysctls{}": _PARAMETERS,
    "ContainerdImport.name": _whole(LABEL, maxLength=63),
    "Containerd.paths[]": _whole(PATTERN),
    "OwnFile.path": _whole(PATH),
    "OwnFile.mode": _whole(MODE),
    "OwnFile.owner": _whole(OWNER),
    "Manifest.name": _DNS_NAME,
    "Stack.name": _DNS_NAME,
    "Backup.schedule": _CRON,
    "Drill.schedule": _CRON,
    "Backup.pin[]": _whole(BUNDLE),
    "BackupTarget.bucket": _whole(BUCKET),
    "Upgrade.windows[]": _whole(rf"\s*[A-Za-z,-]+\s+{TIMES.pattern}(\s+\S+)?\s*", examples=["sat,sun 22:00-04:00"]),
    "Hooks.environment{}": _whole(VARIABLE, **{"not": {"pattern": "^WINDLASS_"}}),
}
"""By section and key: the form of the text, of each item of the list (`[]`), or of the names in the mapping (`{}`)."""


def json_schema_text() -> str:
    """Return the JSON Schema as it is published under docs/."""
    schema = copy.deepcopy(dict(json_schema()))
    for place, form in FORMS.items():
        section, _, key = place.partition(".")
        _add(schema["$defs"][section]["properties"][key.rstrip("[]{}")], key, form)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _add(node: dict[str, Any], key: str, form: Form) -> None:
    """Add a form to the text that a setting is, or may be besides null, or to what is in it."""
    if key.endswith("{}"):
        node["propertyNames"] = dict(form)
        return
    within = node["items"] if key.endswith("[]") else node
    texts = [choice for choice in within.get("anyOf", [within]) if choice.get("type") == "string"]
    for text in texts:
        text.update(form)
