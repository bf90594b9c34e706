"""What MkDocs asks while it builds the site (https://www.mkdocs.org/user-guide/configuration/#hooks)."""

from __future__ import annotations

from typing import Any

from mkdocs.structure.files import File, Files
from tools.docs.site import OUTSIDE, ROOT, anchor, for_site, navigation


def on_config(config: Any) -> Any:
    """Fill in the navigation's folders, and have anchors made as forges make them."""
    config["nav"] = navigation()
    config["mdx_configs"].setdefault("toc", {})["slugify"] = anchor
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from the repository's top."""
    for path, name in OUTSIDE.items():
        if (ROOT / path).is_file():
            files.append(File.generated(config, name, content=(ROOT / path).read_text(encoding="utf-8")))
    return files


def on_page_markdown(text: str, page: Any, **_: Any) -> str:
    """Have links lead to where their pages are in the site."""
    name = page.file.src_uri
    path = next((outside for outside, inside in OUTSIDE.items() if inside == name), f"docs/{name}")
    return for_site(text, path)
