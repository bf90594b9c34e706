"""YAML that we wrote or rendered, or that others keep for us, read quickly and within bounds.

A user's spec is read with more care, see `spec.document`. What is read here may come back from a host or a store that
is in other hands: a few bytes of aliases unfold to any number of values, the parser in C ends the process where
nesting is deep enough, and a number in base 60 takes time that grows with the square of its length. All of that is
refused as yaml.YAMLError, like any text that is no YAML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import yaml

from windlass.domain.bounded import MALFORMED
from windlass.errors import SpecError

MOST_VALUES = 1_000_000
"""Of one text after its aliases are followed; all manifests of a cluster together have a few ten thousand."""
DEEPEST = 100
"""Levels of nesting; the definitions of the largest custom resources have about forty."""
_LONGEST_NUMBER = 100
"""Characters of a number; those of Kubernetes have twenty at the most."""
_Read = TypeVar("_Read")
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Both are safe; the one in C is ten times faster, and not everywhere."""


class _Loader(_PARSER):  # type: ignore[misc]  # which of both it is only shows when it runs
    """Constructs no number that takes long."""


def _integer(loader: Any, node: yaml.ScalarNode) -> int:
    if len(node.value) > _LONGEST_NUMBER:
        raise yaml.constructor.ConstructorError(None, None, "a number of too many digits", node.start_mark)
    number: int = loader.construct_yaml_int(node)
    return number


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def read_yaml(text: str) -> Any:
    """Read one document; yaml.YAMLError if it is none."""
    return _within_bounds(text, lambda: yaml.load(text, Loader=_Loader))  # noqa: S506 (both loaders are safe)


def read_all_yaml(text: str) -> Iterator[Any]:
    """Read all documents; yaml.YAMLError if one is none."""
    yield from _within_bounds(text, lambda: list(yaml.load_all(text, Loader=_Loader)))


def compose_yaml(text: str) -> yaml.Node | None:
    """Read one document into nodes, which know their lines; yaml.YAMLError if it is none."""
    return _within_bounds(text, lambda: yaml.compose(text, Loader=_Loader))


def compose_all_yaml(text: str) -> list[yaml.Node]:
    """Read all documents into nodes; yaml.YAMLError if one is none."""
    return _within_bounds(text, lambda: list(yaml.compose_all(text, Loader=_Loader)))


def parse_yaml(name: str, text: str) -> list[Any]:
    """Read all YAML documents of `text` that are not empty; SpecError names `name` and the line."""
    try:
        return [document for document in read_all_yaml(text) if document is not None]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError(f"{name}, line {line}: no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise SpecError(f"{name}: no YAML: {' '.join(str(error).split())}") from error


def _within_bounds(text: str, read: Callable[[], _Read]) -> _Read:
    try:
        _Bounds().check(text)
        return read()
    except MALFORMED as error:  # such as a date with a thirteenth month
        # Without its words, which quote what may be secret.
        raise yaml.YAMLError(f"a value that YAML does not have ({type(error).__name__})") from None


class _Bounds:
    """Counts the values of a text as they are once aliases are followed, from its events: nothing is built of them."""

    def __init__(self) -> None:
        self._values = 0
        self._open: list[tuple[str | None, int]] = []
        """The collections around the present place: their anchor, and how many values there were before."""
        self._sizes: dict[str, int | None] = {}
        """Values by anchor; None as long as what it names is open."""

    def check(self, text: str) -> None:
        """Raise yaml.YAMLError if the text is too deep or too much; only as much of it is read as it takes."""
        for event in yaml.parse(text, Loader=_PARSER):
            if isinstance(event, yaml.DocumentStartEvent):
                self._sizes.clear()
            elif isinstance(event, yaml.CollectionStartEvent):
                self._begin(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._follow(event)
            elif isinstance(event, yaml.ScalarEvent):
                self._values += 1
                if event.anchor is not None:
                    self._sizes[event.anchor] = 1
            if self._values > MOST_VALUES:
                raise _refused(f"more than {MOST_VALUES} values, with what its aliases stand for", event)

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        self._open.append((event.anchor, self._values))
        self._values += 1
        if event.anchor is not None:
            self._sizes[event.anchor] = None
        if len(self._open) > DEEPEST:
            raise _refused(f"nested deeper than {DEEPEST} levels", event)

    def _end(self) -> None:
        anchor, before = self._open.pop()
        if anchor is not None:
            self._sizes[anchor] = self._values - before

    def _follow(self, event: yaml.AliasEvent) -> None:
        size = self._sizes.get(event.anchor or "", 0)  # one that nobody has named the loader refuses itself
        if size is None:
            raise _refused("an alias for what it is part of", event)
        self._values += size


def _refused(problem: str, event: Any) -> yaml.MarkedYAMLError:
    return yaml.composer.ComposerError(None, None, problem, event.start_mark)
