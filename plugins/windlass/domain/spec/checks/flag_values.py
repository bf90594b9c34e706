"""Whether a value can be that of a flag: by the flag's type, as Go reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_SIGNED = ("int", "int32", "int64", "Level")
_UNSIGNED = ("uint", "uint32", "uint64")
_ONE_VALUE = frozenset(
    {*_SIGNED, *_UNSIGNED, "bool", "duration", "float", "float32", "ip", "ipport", "portRange", "quantity", "string"}
)
"""Types of which the last value counts when a flag is given several times; the others gather all."""
_FORMS: Mapping[str, tuple[str, str, str]] = {
    "bool": (r"1|t|T|TRUE|true|True|0|f|F|FALSE|false|False", "neither true nor false", 'write "true" or "false"'),
    **dict.fromkeys(
        _SIGNED,
        (r"[-+]?(0|[1-9][0-9_]*|0[xX][0-9a-fA-F]+|0[oO]?[0-7]+)", "no whole number", 'write one in quotes, as "10"'),
    ),
    **dict.fromkeys(
        _UNSIGNED,
        (r"0|[1-9][0-9_]*|0[xX][0-9a-fA-F]+|0[oO]?[0-7]+", "no whole number from 0 on", 'write one in quotes, as "10"'),
    ),
    **dict.fromkeys(
        ("float", "float32"),
        (r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", "no number", 'write one in quotes, as "0.5"'),
    ),
    "duration": (
        r"[-+]?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)",
        "no duration",
        'write number and unit, such as "30s" or "1h30m"',
    ),
    "quantity": (
        r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?",
        "no quantity",
        'write number and unit, such as "512Mi"',
    ),
}
"""By type: what a value must match, what one that does not is, and what would be right."""


def wrong_value(kind: str, value: str) -> tuple[str, str] | None:
    """Say what keeps `value` from being of a type; what nothing is known of may be anything."""
    form, what, right = _FORMS.get(kind, ("", "", ""))
    return (f"`{value}` is {what}", right) if form and not re.fullmatch(form, value) else None


def takes_one_value(component: str, kind: str) -> bool:
    """Tell whether only the last value counts of a flag that is given several times; etcd's flags are all so."""
    return component == "etcd" or kind in _ONE_VALUE


def whole_number(text: str) -> int | None:
    """Return the number that Go reads in `text`, which may be hexadecimal, octal or have underscores; None if none."""
    if wrong_value("int", text):
        return None
    digits = text.replace("_", "")
    sign, plain = (-1 if digits.startswith("-") else 1), digits.lstrip("+-")
    is_octal = len(plain) > 1 and plain[0] == "0" and plain[1] in "01234567"
    return sign * (int(plain, 8) if is_octal else int(plain, 0))


def is_true(text: str) -> bool:
    """Return what Go reads in a text that `wrong_value` took for true or false."""
    return text in {"1", "t", "T", "TRUE", "true", "True"}


def listed(values: Iterable[str]) -> list[str]:
    """Return the words of a flag that takes a list with commas, of all times that it is given."""
    return [word.strip() for value in values for word in value.split(",") if word.strip()]


def seconds(duration: str) -> float:
    """Return how long a duration is that `wrong_value` found right."""
    units = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
    found = re.findall(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)", duration)
    return sum(float(number) * units[unit] for number, unit in found)
