"""The keys that a release's kubelet takes in its configuration, as the source of that type tells them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.domain.bounded import shown
from windlass.errors import MALFORMED, IntegrityError

KUBELET_FILE = "kubelet.json"
KeyType = str | Mapping[str, Any] | list[Any]
"""`text`, `number`, `whole number`, `true or false`, `duration`, or `any` of what nothing is known of; a mapping of
keys to their types, with the one key `*` where any key may stand; a list with the type of its items."""

_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"^type (\w+) (string|bool|u?int\d*|float\d+)$", re.MULTILINE)
_FIELD = re.compile(r"^\t\w+\s+(?P<type>[^\s`]+)\s+`json:\"(?P<name>\w+)[^`]*`", re.MULTILINE)
_PLAIN = {
    "string": "text",
    "bool": "true or false",
    "float64": "number",
    "metav1.Duration": "duration",
    **dict.fromkeys(("int", "int32", "int64", "uint", "uint32", "uint64"), "whole number"),
}
_ROOT = "KubeletConfiguration"


@dataclass(frozen=True)
class KubeletKeys:
    """What the configuration of a release's kubelet may hold; empty where nobody has recorded it."""

    keys: Mapping[str, KeyType] = field(default_factory=dict)


def parse_type(source: str) -> KubeletKeys:
    """Read the Go source of the type (k8s.io/kubelet/config/v1beta1/types.go). Types of other packages are `any`."""
    structs = dict(_STRUCT.findall(source))
    named = {name: _PLAIN[kind] for name, kind in _NAMED.findall(source)}
    keys = _type(_ROOT, structs, named)
    if not isinstance(keys, Mapping) or not keys:
        raise IntegrityError(f"the source has no type {_ROOT} with fields; give types.go of k8s.io/kubelet")
    return KubeletKeys(keys)


def _type(go: str, structs: Mapping[str, str], named: Mapping[str, str]) -> KeyType:
    go = go.removeprefix("*")
    if go.startswith("[]"):
        return "text" if go == "[]byte" else [_type(go[2:], structs, named)]
    if go.startswith("map["):
        return {"*": _type(go.partition("]")[2], structs, named)}
    if go in structs:
        return {one["name"]: _type(one["type"], structs, named) for one in _FIELD.finditer(structs[go])}
    return _PLAIN.get(go) or named.get(go) or "any"


def keys_text(keys: KubeletKeys) -> str:
    """Write the keys of a release as JSON."""
    return json.dumps(keys.keys, indent=1, sort_keys=True) + "\n"


def read_keys(text: str, where: str) -> KubeletKeys:
    """Read what `keys_text` wrote; IntegrityError if it is something else."""
    try:
        return KubeletKeys(dict(json.loads(text)))
    except MALFORMED as error:
        raise IntegrityError(
            f"{where}: no record of kubelet's keys ({shown(error)}); `python -m tools.kubelet_keys` writes one"
        ) from error
