"""The commands of docs/tutorial.md, in their order, for whoever checks or runs them."""

from __future__ import annotations

from markdown_it import MarkdownIt

from .pages import DOCS


def blocks() -> list[str]:
    """Return each block of shell of the tutorial; one process runs all of them, in a checkout."""
    tokens = MarkdownIt("commonmark").parse((DOCS / "tutorial.md").read_text(encoding="utf-8"))
    return [token.content for token in tokens if token.type == "fence" and token.info == "sh"]
