"""Every page has a place in the site's navigation, and every link among pages leads to a heading that is there.

The site itself is built by `make docs`, in an environment of its own; none of this needs it.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from tools.docs.site import anchor, for_site, name_in_site, navigation, pages, places, target_of

from .pages import ROOT

PAGES = pages()
PLACES = list(places(navigation()))
_LINKS = {"link_open": "href", "image": "src"}
MARKDOWN = MarkdownIt("commonmark").enable("table")


@cache
def tokens(path: str) -> list[Token]:
    """Return a page as Markdown reads it, what stands within lines too."""
    found = []
    for token in MARKDOWN.parse((ROOT / path).read_text(encoding="utf-8")):
        found += [token, *(token.children or ())]
    return found


@cache
def anchors(path: str) -> set[str]:
    """Return the anchors of a page; of headings that are the same, all but the first have a number."""
    read, times, found = tokens(path), Counter[str](), set()
    for place, token in enumerate(read):
        if token.type == "heading_open":
            name = anchor("".join(child.content for child in read[place + 1].children or ()))
            found.add(f"{name}-{times[name]}" if times[name] else name)
            times[name] += 1
    return found


def broken(path: str) -> list[str]:
    """Return the links of a page that lead nowhere in the repository."""
    wrong = []
    for link in (str(token.attrs[_LINKS[token.type]]) for token in tokens(path) if token.type in _LINKS):
        target, _, fragment = link.partition("#")
        there = target_of(path, target)
        if "://" in link:
            continue
        is_there = (ROOT / there).exists() and not target.startswith("/")
        if not is_there or (fragment and there.endswith(".md") and fragment not in anchors(there)):
            wrong.append(link)
    return wrong


def test_every_page_has_a_place_in_the_navigation() -> None:
    lacking = [page for page in PAGES if name_in_site(page) not in PLACES]
    assert lacking == [], f"`nav` in mkdocs.yml has no place for {', '.join(lacking)}: say there where each belongs"


def test_every_place_in_the_navigation_has_its_page_and_none_has_two() -> None:
    known = {name_in_site(page) for page in PAGES}
    assert [place for place in PLACES if place not in known] == []
    assert [place for place, times in Counter(PLACES).items() if times > 1] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_pages_and_headings_that_are_there(page: str) -> None:
    assert broken(page) == []


def test_a_link_that_leads_nowhere_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "bad.md").write_text(
        "# Two `words`\n\n[a](no.md) [b](#two-words) [c](#three) [d](bad.md#two) `[e](none.md)` [f](https://x.example)\n"
        "![g](no.png)\n"
    )
    monkeypatch.setitem(globals(), "ROOT", tmp_path)

    assert broken("docs/bad.md") == ["no.md", "#three", "bad.md#two", "no.png"]


def test_links_are_those_of_the_site() -> None:
    text = "[a](../README.md) [b](../plugins/x.py) [c](spec.md#all)\n```\n[d](../README.md)\n```\n"

    assert for_site(text, "docs/create.md") == "[a](index.md) b [c](spec.md#all)\n```\n[d](../README.md)\n```\n"
    assert for_site("![a](docs/images/x.png) ![b](x.png)", "README.md") == "![a](images/x.png) b"
    assert for_site("[a](docs/runbooks/x.md) [b](docs)", "README.md") == "[a](runbooks/x.md) b"
    assert for_site("[two\n  words](docs/x.md)", "README.md") == "[two\n  words](x.md)"
    assert for_site("[a](../../SECURITY.md)", "docs/runbooks/x.md") == "[a](../SECURITY.md)"
