"""Names of classes, by which earlier releases let a spec name code; what has such a name does nothing."""

from __future__ import annotations

import re

_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*")


def is_class_name(name: str) -> bool:
    """Say whether `name` has the form `module:Class`."""
    return _CLASS.fullmatch(name) is not None
