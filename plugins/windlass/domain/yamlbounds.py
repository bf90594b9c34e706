"""How much a YAML text may unfold to when it is read: a few hundred bytes can stand for more than any memory holds.

Aliases are followed by everything that walks over a document or writes it out; deep nesting ends the process, not the
task, since the parser in C calls itself for each level. Both are counted on the parser's events, before anything of
the document is made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Both are safe; the one in C is ten times faster, and not everywhere."""
MAX_DEPTH = 100
"""Levels of a document. Schemas of the largest custom resource definitions have about half as many."""
MAX_UNFOLDED = 3 * 1024 * 1024
"""Values and characters that aliases may add to a text. The API server takes no request over 3 MiB (MaxRequestBodyBytes
in k8s.io/apiserver/pkg/server/config.go), so that no object that is larger can be applied."""
MAX_DIGITS = 1000
"""Characters of a number. YAML 1.1 reads `1:1:1` as one to the base 60, and a long one keeps a processor for hours."""

_DIGITS = re.compile(r"[-+0-9_:.]+")
_LONG_NUMBER = re.compile(rf"[-+0-9_:.]{{{MAX_DIGITS}}}")


def check_bounds(text: str) -> None:
    """Raise yaml.MarkedYAMLError, which knows the line, where a text unfolds to more than the bounds."""
    if not _may_unfold(text):
        return
    count = _Count()
    for event in yaml.parse(text, Loader=LOADER):
        count.add(event)


def _may_unfold(text: str) -> bool:
    """Say whether a closer look is needed: most texts have no anchors, few brackets and short numbers."""
    return "&" in text or may_be_deep(text, MAX_DEPTH) or bool(_LONG_NUMBER.search(text))


def may_be_deep(text: str, levels: int) -> bool:
    """Say whether a text may be nested so many levels deep; a text with many brackets or far to the right may be."""
    brackets = text.count("[") + text.count("{")
    # Of blocks each level takes a column, and compact ones begin with such signs.
    return brackets >= levels or bool(re.search(rf"^[ \t?:-]{{{levels}}}", text, re.MULTILINE))


@dataclass
class _Count:
    """What a document has been so far."""

    size: int = 0
    """Values and characters, those that aliases stand for included."""
    added: int = 0
    """Of these, those that aliases stand for."""
    sizes: dict[str, int | None] = field(default_factory=dict)
    """By anchor; None while what it names has not ended."""
    around: list[tuple[str | None, int]] = field(default_factory=list)
    """The collections that have begun and not ended: their anchors, and the size before them."""

    def add(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._follow(event)
        elif isinstance(event, yaml.ScalarEvent):
            self._count_scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = self.around.pop()
            self._name(anchor, self.size - before)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.sizes.clear()

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        if len(self.around) >= MAX_DEPTH:
            raise _error(f"it is nested deeper than {MAX_DEPTH} levels", event)
        self.around.append((event.anchor, self.size))
        self._name(event.anchor, None)
        self.size += 1

    def _count_scalar(self, event: yaml.ScalarEvent) -> None:
        if event.implicit[0] and len(event.value) > MAX_DIGITS and _DIGITS.fullmatch(event.value):
            raise _error(f"a number has {len(event.value)} digits, more than {MAX_DIGITS}; put it in quotes", event)
        size = 1 + len(event.value)
        self._name(event.anchor, size)
        self.size += size

    def _follow(self, event: yaml.AliasEvent) -> None:
        size = self.sizes.get(event.anchor or "", 0)
        if size is None:
            raise _error(f"the alias `{event.anchor}` stands in what it is the name of, which has no end", event)
        self.size += size
        self.added += size
        if self.added > MAX_UNFOLDED:
            raise _error(f"its aliases unfold to more than {MAX_UNFOLDED} values and characters", event)

    def _name(self, anchor: str | None, size: int | None) -> None:
        if anchor is not None:
            self.sizes[anchor] = size


def _error(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    mark: Any = event.start_mark  # of the parser in C or of the other one, which are not of one class
    return yaml.composer.ComposerError(None, None, problem, mark)
