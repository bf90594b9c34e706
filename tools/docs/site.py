"""Which pages the site has, where each stands in its navigation, and where a link among them leads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = "docs"
OUTSIDE = {"README.md": "index.md", **{name: name for name in ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")}}
"""Pages at the repository's top, and what they are called in the site."""
_LINK = re.compile(r"(?P<mark>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")
_CODE_BLOCK = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"# (.+)")


def pages(root: Path = ROOT) -> list[str]:
    """Return the path of each page in the repository."""
    within = [path.relative_to(root).as_posix() for path in (root / DOCS).rglob("*.md")]
    return sorted([*within, *(name for name in OUTSIDE if (root / name).is_file())])


def name_in_site(path: str) -> str | None:
    """Return what the site calls a file of the repository, None if it is no part of it, as folders are not."""
    if path.startswith(f"{DOCS}/") and Path(path).suffix:
        return path.removeprefix(f"{DOCS}/")
    return OUTSIDE.get(path)


def target_of(path: str, link: str) -> str:
    """Return the path in the repository to which a link without its anchor leads, from the page `path`."""
    return os.path.normpath(Path(path).parent / link) if link else path


def navigation(root: Path = ROOT) -> list[Any]:
    """Return `nav` of mkdocs.yml, with each `NAME/` replaced by the pages of that folder, by their headings."""
    return _expanded(yaml.safe_load((root / "mkdocs.yml").read_text(encoding="utf-8"))["nav"], root)


def places(navigation: Any) -> Iterator[str]:
    """Yield each page that a navigation names, in its order."""
    match navigation:
        case str():
            yield navigation
        case list():
            for entry in navigation:
                yield from places(entry)
        case dict():
            for entry in navigation.values():
                yield from places(entry)


def for_site(text: str, path: str) -> str:
    """Return the text of the page `path` with its links and pictures as the site has them; others become plain text."""
    # Every second part is a block of code; a link may go over the end of a line.
    parts = _CODE_BLOCK.split(text)
    parts[::2] = [_LINK.sub(lambda link: _in_site(link, path), part) for part in parts[::2]]
    return "".join(parts)


def anchor(heading: str, _separator: str = "-") -> str:
    """Return the anchor of a heading, as forges that show the pages make it."""
    return re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")


def _in_site(link: re.Match[str], path: str) -> str:
    text, target, fragment = link["text"], link["target"], link["anchor"] or ""
    if not target or "://" in target:
        return link[0]
    there = name_in_site(target_of(path, target))
    here = name_in_site(path)
    if there is None or here is None:
        return text
    return f"{link['mark']}[{text}]({os.path.relpath(there, Path(here).parent)}{fragment})"


def _expanded(entries: list[Any], root: Path) -> list[Any]:
    return [
        one if isinstance(one, str) else {title: _expanded_one(entry, root) for title, entry in one.items()}
        for one in entries
    ]


def _expanded_one(entry: Any, root: Path) -> Any:
    if isinstance(entry, list):
        return _expanded(entry, root)
    if not entry.endswith("/"):
        return entry
    return [{_title(page): f"{entry}{page.name}"} for page in sorted((root / DOCS / entry).glob("*.md"))]


def _title(page: Path) -> str:
    heading = _HEADING.match(page.read_text(encoding="utf-8"))
    return heading[1] if heading else page.stem
