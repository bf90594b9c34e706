"""Checks that values stay on one line, so that none becomes a further line of a file on hosts or of an order to them.

A stored spec is not asked, since an earlier Windlass accepted it; what is rendered of it refuses a second line itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from windlass.domain.oneline import line_breaker
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem

_TEXTS: tuple[Path, ...] = (
    ("spec", "manifests", "*", "content"),
    ("spec", "api", "oidc", "*", "ca"),
    ("spec", "upgrade", "hooks", "before", "*"),
    ("spec", "upgrade", "hooks", "after", "*"),
    ("spec", "hosts", "settings"),
    *(
        (*above, *below)
        for above in (("spec",), ("spec", "roles", "*"), ("spec", "hosts", "members", "*"))
        for below in (("files", "*", "content"), ("containerd", "imports", "*", "content"))
    ),
)
"""Where a value is a text of lines: objects, certificates, commands for a shell, what a host provider is given."""
_ADVICE = "write it on one line; a block after `|` ends with a line break, one after `|-` does not"


def one_line_each(cluster: Cluster, with_lines: Collection[Path] = ()) -> Iterator[Problem]:
    """Yield the values and keys that hold a line break or another control character.

    At the paths `with_lines`, too, a value is a text of lines.
    """
    yield from _broken(cluster.model_dump(mode="json", by_alias=True), (), with_lines)


def _broken(value: Any, path: Path, with_lines: Collection[Path]) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if found := line_breaker(key):
                yield Problem((*path, key), f"the key has {found} in it", "write it on one line")
            yield from _broken(inner, (*path, key), with_lines)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _broken(inner, (*path, index), with_lines)
    elif isinstance(value, str):
        has_lines = path in with_lines or _may_have_lines(path)
        if found := line_breaker(value, "\r\n\t" if has_lines else ""):
            yield Problem(path, f"the value has {found} in it", _ADVICE)


def _may_have_lines(path: Path) -> bool:
    return any(
        len(path) >= len(text) and all(want in ("*", step) for want, step in zip(text, path, strict=False))
        for text in _TEXTS
    )
