"""What a page shows of a Markdown text: read by another's parser, with the extensions of GitHub that Airflow's has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@dataclass
class Item:
    """An item of a list, and those below it."""

    text: str
    below: list[Item] = field(default_factory=list)


def nodes(markdown: str) -> SyntaxTreeNode:
    return SyntaxTreeNode(PARSER.parse(markdown))


def headings(markdown: str) -> list[str]:
    return [_words(node) for node in nodes(markdown).children if node.type == "heading"]


def items(markdown: str, heading: str) -> list[Item]:
    """Return the items of the list below a heading."""
    shown = nodes(markdown).children
    at = next(number for number, node in enumerate(shown) if node.type == "heading" and _words(node) == heading)
    return list(_items(shown[at + 1]))


def _items(node: SyntaxTreeNode) -> Iterator[Item]:
    assert node.type == "bullet_list", node.type
    for one in node.children:
        text, *lists = one.children
        yield Item(_words(text), [item for below in lists for item in _items(below)])


def _words(node: SyntaxTreeNode) -> str:
    """Return what a reader sees of a paragraph or heading; anything but words, weight and code is none of ours."""
    assert node.type in {"paragraph", "heading", "inline", "text", "strong", "code_inline"}, node.type
    return "".join(map(_words, node.children)) if node.children else node.content
