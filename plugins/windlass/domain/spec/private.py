"""What of a spec is its writer's own text, and so is told by path and fingerprint, never by content.

One rule for plans, logs, results of tasks and messages: texts of manifests, hooks, files on hosts, stacks' answers and
providers' settings are not shown. Their paths are, and so are numbers, switches and references, unless a name says that
they are secret. All other values of a spec are Windlass's own settings and shown masked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from windlass.domain.masking import HIDDEN, is_secret_name, mask_document
from windlass.domain.spec.problem import Path
from windlass.domain.spec.references import CONNECTION, FIELD, VARIABLE

Fingerprint = Callable[[str], str]
"""Returns what tells two texts apart and says nothing of either: see `MasterKeys.fingerprint`."""
FINGERPRINT_DIGITS = 12
"""Of what is shown of one: enough to tell a few texts apart."""
NOT_SHOWN = "(not shown)"
_PRIVATE: tuple[Path, ...] = (
    ("spec", "manifests", "*", "content"),
    ("spec", "stacks", "*", "values"),
    ("spec", "hosts", "settings"),
    ("spec", "upgrade", "hooks"),
    *(
        (*above, *below)
        for above in (("spec",), ("spec", "roles", "*"), ("spec", "hosts", "members", "*"))
        for below in (("files", "*", "content"), ("containerd", "imports", "*", "content"))
    ),
)
_REFERENCE_KEYS = frozenset({VARIABLE, CONNECTION, FIELD})


def no_fingerprint(_: str) -> str:
    """Stand in for a fingerprint where there is no key to make one with."""
    return NOT_SHOWN


def is_private(path: Path) -> bool:
    """Tell whether what stands at `path` is a text of the writer's own, or may hold one."""
    return any(
        len(path) >= len(private) and all(want in ("*", step) for want, step in zip(private, path, strict=False))
        for private in _PRIVATE
    )


def shown_value(path: Path, value: Any, fingerprint: Fingerprint = no_fingerprint) -> Any:
    """Return the value at `path` of a spec as it may be shown, with fingerprints in the place of private texts."""
    if isinstance(value, Mapping):
        return {key: shown_value((*path, key), inner, fingerprint) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [shown_value((*path, index), inner, fingerprint) for index, inner in enumerate(value)]
    if is_private(path):
        return shown_text(str(path[-1]), value, fingerprint)
    names_secret = any(is_secret_name(step) for step in path[-1:] if isinstance(step, str))
    return HIDDEN if names_secret and isinstance(value, str) else mask_document(value)


def shown_text(name: str, value: Any, fingerprint: Fingerprint = no_fingerprint) -> Any:
    """Return a value of the writer's own, called `name`, as it may be shown."""
    if value is None or isinstance(value, bool) or name in _REFERENCE_KEYS:
        return value
    if isinstance(value, int | float) and not is_secret_name(name):
        return value
    return f"text {fingerprint(value if isinstance(value, str) else json.dumps(value))}"
