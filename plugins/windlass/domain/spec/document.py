"""Reading YAML text into plain values that remember their lines, without YAML's surprises.

Only `true` and `false` are booleans, so that `no` and `on` stay words; numbers with leading zeros, dates and times
are words too. Tags, merge keys, duplicate keys, a second document and what grows without bounds are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import yaml

from windlass.domain.spec.problem import Path, Problem
from windlass.domain.yamlbounds import LOADER, may_be_deep

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 40
MAX_VALUES = 50_000
"""Values of the document after its aliases are followed."""
MAX_CHARACTERS = MAX_BYTES
"""Of all values and keys together after that: a spec is stored with aliases written out, and read from there again."""

_MOST_QUICK = 2000
"""Levels that the parser in C can follow for sure: in a thread of 8 MiB it ends the process from 20,000 on."""
_SLOW = "&!"
"""Aliases may unfold without end; about where a tag ends the two parsers do not agree."""

_STR = "tag:yaml.org,2002:str"
_SCALARS: Mapping[str, tuple[str, str, Callable[[str], Any]]] = {
    "tag:yaml.org,2002:null": (r"~|null|Null|NULL|", "~nN\0", lambda _text: None),
    "tag:yaml.org,2002:bool": (
        r"true|True|TRUE|false|False|FALSE",
        "tTfF",
        lambda text: {"true": True, "false": False}[text.lower()],
    ),
    "tag:yaml.org,2002:int": (r"[-+]?(?:0|[1-9][0-9]{0,18})", "-+0123456789", int),
    "tag:yaml.org,2002:float": (
        r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?",
        "-+0123456789",
        float,
    ),
}
_KINDS = {yaml.MappingNode: "tag:yaml.org,2002:map", yaml.SequenceNode: "tag:yaml.org,2002:seq"}


class _Loader(yaml.SafeLoader):
    """Composes nodes with the few implicit types above and a bound on depth; constructs nothing.

    What it finds wrong is explained in its words, wherever a text was read first.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's own attribute
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose one node; a ComposerError where nesting is deeper than any spec's."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(
                None, None, f"it is nested deeper than {MAX_DEPTH} levels", self.get_mark()
            )
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def learn_types(kind: type[yaml.resolver.BaseResolver]) -> None:
    """Teach a loader or dumper which plain words are no text here, besides those that it knows already."""
    for tag, (pattern, first, _) in _SCALARS.items():
        characters = ["" if character == "\0" else character for character in first]
        kind.add_implicit_resolver(tag, re.compile(rf"(?:{pattern})\Z"), characters)


learn_types(_Loader)


class _QuickLoader(LOADER):  # type: ignore[misc]  # it is one of two, by what PyYAML was built with
    """Composes the same nodes, ten times faster where PyYAML has its parser in C.

    That parser calls itself for each level and knows no bound, so it is given no text that may be very deep.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's own attribute


learn_types(_QuickLoader)


@dataclass(frozen=True)
class Document:
    """What a YAML text says, the line of each path in it, and what is wrong with it as YAML."""

    value: Any
    lines: Mapping[Path, int]
    problems: tuple[Problem, ...]

    def line(self, path: Path) -> int:
        """Return the line of `path`, or of the closest thing around it that the text has; lines start at 1."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_document(text: str) -> Document:
    """Read one YAML document; what is wrong is in the result's problems, nothing is raised."""
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        return _unreadable(1, f"it is larger than {MAX_BYTES} bytes", "a spec is one short document")
    try:
        node = _compose(text)
    except yaml.MarkedYAMLError as error:
        return _unreadable(*_explain(error))
    except yaml.YAMLError as error:
        return _unreadable(1, f"this is no YAML: {' '.join(str(error).split())}", "remove what YAML does not allow")
    if node is None:
        return _unreadable(1, "it is empty", "start with `apiVersion: windlass/v1` and `kind: Cluster`")
    reading = _Reading()
    try:
        value = reading.value(node, ())
    except _TooMuchError:
        wrong = f"its aliases unfold to more than {MAX_VALUES} values or {MAX_CHARACTERS} characters"
        return _unreadable(1, wrong, "write out what they stand for, as far as it is needed")
    return Document(value, reading.lines, tuple(reading.problems))


def _compose(text: str) -> yaml.Node | None:
    """Read one document into nodes; yaml.YAMLError, in the words of PyYAML's own parser, if it is none."""
    if not any(map(text.__contains__, _SLOW)) and not may_be_deep(text, _MOST_QUICK):
        with suppress(yaml.YAMLError, UnicodeError):
            node = _node(_QuickLoader, text)
            if not _is_deeper(node, MAX_DEPTH):
                return node
    return _node(_Loader, text)


def _is_deeper(node: Any, levels: int) -> bool:
    """Say whether a node, a pair or a list of them is nested deeper than that; nodes without aliases have an end."""
    inner = node.value if isinstance(node, yaml.CollectionNode) else node if isinstance(node, tuple) else ()
    levels -= isinstance(node, yaml.Node)
    return levels < 0 or any(_is_deeper(one, levels) for one in inner)


def _node(kind: type[yaml.SafeLoader], text: str) -> yaml.Node | None:
    loader = kind(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
    finally:
        loader.dispose()
    return node


def _explain(error: yaml.MarkedYAMLError) -> tuple[int, str, str]:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else 1
    if "but found another document" in str(error.problem):
        return line, "a second document starts here", "keep one cluster in a file"
    said = " ".join(part for part in (error.context, error.problem) if part)
    return (
        line,
        f"this is no YAML that can be read: {said}",
        "check indentation, quotes and colons on this line and above",
    )


def _unreadable(line: int, wrong: str, right: str) -> Document:
    return Document(None, {(): line}, (Problem((), wrong, right),))


class _TooMuchError(Exception):
    """Aliases unfold without end, or as good as."""


@dataclass
class _Reading:
    """The walk from nodes to values, and what it gathers on the way."""

    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    seen: int = 0
    characters: int = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        self.seen += 1
        if isinstance(node, yaml.ScalarNode):
            self.count(node)
        if self.seen > MAX_VALUES or len(path) > MAX_DEPTH:
            raise _TooMuchError
        if isinstance(node, yaml.MappingNode) and node.tag == _KINDS[yaml.MappingNode]:
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _KINDS[yaml.SequenceNode]:
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self.scalar(node, path)

    def count(self, node: yaml.ScalarNode) -> None:
        self.characters += len(node.value)
        if self.characters > MAX_CHARACTERS:
            raise _TooMuchError

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node, path)
            if key is None:
                continue
            line = key_node.start_mark.line + 1
            if key in result:
                first = self.lines[(*path, key)]
                self.problems.append(
                    Problem((*path, key), f"the key is given twice, first on line {first}", "keep one")
                )
                self.lines[(*path, key)] = line
                continue
            self.lines[(*path, key)] = line
            result[key] = self.value(value_node, (*path, key))
        return result

    def key(self, node: yaml.Node, path: Path) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == _STR:
            self.count(node)
            return str(node.value)
        shown = f"`{node.value}`" if isinstance(node, yaml.ScalarNode) else "that is a list or mapping"
        right = f'write "{node.value}" in quotes' if isinstance(node, yaml.ScalarNode) else "keys are words"
        self.lines.setdefault((*path, "?"), node.start_mark.line + 1)
        self.problems.append(Problem((*path, "?"), f"the key {shown} is no text", right))
        return None

    def scalar(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.ScalarNode) and node.tag == _STR:
            return node.value
        pattern, _, convert = _SCALARS.get(node.tag, ("", "", str))
        if not isinstance(node, yaml.ScalarNode) or not pattern:
            self.problems.append(Problem(path, f"the tag `{node.tag}` is not supported", "leave the tag out"))
            return None
        if not re.fullmatch(pattern, node.value):
            self.problems.append(Problem(path, "the value does not fit its tag", "leave the tag out"))
            return None
        value = convert(node.value)
        if isinstance(value, float) and not math.isfinite(value):
            self.problems.append(Problem(path, "the value is larger than any number here", "give a smaller one"))
            return None
        return value
