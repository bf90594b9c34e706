"""The command-line flags of a release's components, as its own programs tell them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from windlass.domain.bounded import shown
from windlass.errors import MALFORMED, IntegrityError

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet")
"""The components whose flags a spec may set."""
UNLISTED: Mapping[str, tuple[str, ...]] = {
    "etcd": ("config-file", "v", "version"),
    "kube-apiserver": (
        "apiserver-count",
        "audit-webhook-batch-initial-backoff",
        "default-watch-cache-size",
        "kubelet-port",
        "kubelet-read-only-port",
    ),
    "kube-controller-manager": ("allow-untagged-cloud", "node-sync-period"),
    "kube-proxy": ("healthz-port", "metrics-port"),
}
"""Flags that programs take and leave out of their help.

pflag hides what is deprecated (https://github.com/spf13/pflag#deprecating-a-flag-or-its-shorthand); etcd ignores some
words of its past.
"""

_FLAG_LINE = re.compile(r" +(?:-\w, )?--(?P<name>[A-Za-z0-9.-]+)(?P<rest>.*)")
_TYPE = re.compile(r"^ (?P<type>[^\s'\"]+)(?:\s{2,}|\Z)")
_GATE = re.compile(r"^(?:\w+:)?(?P<name>\w+)=true\|false \(")
_DEPRECATED = "deprecated"


@dataclass(frozen=True)
class Flag:
    """What is known of one flag."""

    type: str = ""
    """Of its value, in the words of its program, such as `int32` or `duration`; `bool`; empty where it tells none."""
    is_deprecated: bool = False


@dataclass(frozen=True)
class ComponentFlags:
    """What one component of a release takes."""

    flags: Mapping[str, Flag] = field(default_factory=dict)
    gates: tuple[str, ...] = ()
    """Names for its flag `feature-gates`, of the features that can be switched."""


ReleaseFlags = Mapping[str, ComponentFlags]
"""By component; empty for a release whose flags nobody has recorded."""


def parse_help(component: str, text: str) -> ComponentFlags:
    """Read what `component` prints for `--help`. Cobra makes that of the flags; etcd's was written by hand."""
    flags: dict[str, Flag] = {}
    gates: list[str] = []
    last = ""
    for line in text.splitlines():
        if found := _FLAG_LINE.fullmatch(line):
            last, rest = found["name"], found["rest"]
            flags[last] = Flag("" if component == "etcd" else _type(rest), _DEPRECATED.upper() in rest)
        elif last == "feature-gates" and (gate := _GATE.match(line.strip())):
            gates.append(gate["name"])
        elif component == "etcd" and last and _DEPRECATED.capitalize() in line:
            flags[last] = Flag("", is_deprecated=True)
    return ComponentFlags(flags, tuple(dict.fromkeys(gates)))


def _type(rest: str) -> str:
    """Return the type that stands before the explanation; a switch has none."""
    found = _TYPE.match(rest)
    return found["type"].partition("[=")[0] if found else "bool"


def asked_flags(component: str, listed: ComponentFlags, takes: Callable[[str], bool]) -> ComponentFlags:
    """Correct what the help says by asking the program: of what it leaves out, and of all where it is no program's."""
    further = {name: Flag("", is_deprecated=True) for name in UNLISTED.get(component, ()) if takes(name)}
    known = {name: flag for name, flag in listed.flags.items() if component != "etcd" or takes(name)}
    return ComponentFlags({**further, **known}, listed.gates)


def is_unknown(message: str) -> bool:
    """Tell whether a program said that it does not know the flag that it was given."""
    return "unknown flag" in message or "flag provided but not defined" in message


def flags_text(flags: ReleaseFlags) -> str:
    """Write the flags of a release as JSON, a line for each."""
    document = {
        component: {
            "flags": {name: _words(flag) for name, flag in sorted(known.flags.items())},
            "gates": sorted(known.gates),
        }
        for component, known in sorted(flags.items())
    }
    return json.dumps(document, indent=1) + "\n"


def _words(flag: Flag) -> str:
    return " ".join(word for word in (flag.type, _DEPRECATED if flag.is_deprecated else "") if word)


def read_flags(text: str, where: str) -> ReleaseFlags:
    """Read what `flags_text` wrote; IntegrityError if it is something else."""
    try:
        return {
            component: ComponentFlags(
                {name: _flag(words) for name, words in known["flags"].items()}, tuple(known["gates"])
            )
            for component, known in json.loads(text).items()
        }
    except MALFORMED as error:
        raise IntegrityError(f"{where}: no record of flags ({shown(error)}); `windlass mirror` writes one") from error


def _flag(words: str) -> Flag:
    kinds = [word for word in words.split() if word != _DEPRECATED]
    return Flag(" ".join(kinds), _DEPRECATED in words.split())
