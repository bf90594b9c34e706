"""What everybody needs to use the pages: contrast, labels, addresses that hold below a path, no requests on end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi.testclient import TestClient

from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.effects.store import ClusterRecords, MemoryStore
from windlass.web import needs
from windlass.web.actions import BY_OPERATION
from windlass.web.pages import HERE
from world.specs import THREE

STATIC = HERE / "static"
CSS = (STATIC / "windlass.css").read_text()
THEMES = {"light": ":root {", "dark": ':root[data-theme="dark"]', "the system's": ':root:not([data-theme="light"])'}
PAIRS = (
    *(("ink", under) for under in ("paper", "card", "hover", "warn-bg", "new-bg")),
    *(("soft", under) for under in ("paper", "card", "hover", "off-bg", "new-bg")),
    *(("accent", under) for under in ("paper", "card", "hover")),
    *((name, f"{name}-bg") for name in ("good", "bad", "warn", "new")),
    *(("bad", under) for under in ("paper", "card", "hover")),
    ("card", "accent"),
)
"""Colours of text, and what they stand on."""
PAGES = (
    "",
    "deploy",
    "cluster/demo",
    "cluster/demo/change",
    *(f"cluster/demo/do/{operation}" for operation in BY_OPERATION),
)


def brightness(colour: str) -> float:
    """Return the relative luminance as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", THEMES)
def test_texts_have_a_contrast_of_four_and_a_half(theme: str) -> None:
    block = CSS[CSS.index(THEMES[theme]) :]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block[: block.index("}")]))
    for text, under in PAIRS:
        dark, light = sorted((brightness(colours[text]), brightness(colours[under])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, under)


class Parts(HTMLParser):
    """The start tags of a page, each with what it stands in."""

    EMPTY = frozenset({"input", "meta", "link", "br", "path", "circle"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.found: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), tuple(name for name, _ in self.open)))
        if tag not in self.EMPTY:
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if any(name == tag for name, _ in self.open):
            while self.open.pop()[0] != tag:
                pass

    def each(self, *tags: str) -> Iterator[tuple[dict[str, str | None], tuple[str, ...]]]:
        yield from ((attributes, around) for tag, attributes, around in self.found if tag in tags)


@pytest.fixture
def client(all_dags: None, server: TestClient, pages: Any) -> TestClient:
    kept, keys = MemoryStore(), MasterKeys.parse(new_master_key().reveal())
    ClusterRecords(kept, "demo").save_spec(THREE)
    pages.dependency_overrides |= {needs.store: lambda: kept, needs.keys: lambda: keys}
    token = get_auth_manager().generate_jwt(user=SimpleAuthManagerUser(username="ada", role="admin"))
    server.headers["Authorization"] = f"Bearer {token}"
    return server


@pytest.mark.parametrize("path", PAGES)
def test_every_field_has_a_label_and_every_part_its_own_name(client: TestClient, path: str) -> None:
    parts = Parts(client.get(f"/windlass/{path}").text)
    ids = [attributes["id"] for _, attributes, _ in parts.found if attributes.get("id")]
    labelled = {attributes.get("for") for attributes, _ in parts.each("label")}
    assert len(ids) == len(set(ids))
    for attributes, around in parts.each("input", "select", "textarea"):
        assert attributes.get("id") in labelled or "label" in around or attributes.get("aria-label"), attributes
    for _, attributes, _ in parts.found:
        for name in ("aria-describedby", "aria-labelledby"):
            assert set((attributes.get(name) or "").split()) <= set(ids)


@pytest.mark.parametrize("path", PAGES)
def test_below_a_path_of_a_proxy_every_address_is_below_it_too(client: TestClient, path: str) -> None:
    below = TestClient(client.app, root_path="/air/flow", headers=dict(client.headers))
    page = below.get(f"/air/flow/windlass/{path}")
    assert page.status_code == 200
    parts = Parts(page.text)
    addresses = [
        one for _, attributes, _ in parts.found for key in ("href", "src", "action") if (one := attributes.get(key))
    ]
    assert addresses
    assert all(one.startswith("/air/flow/") for one in addresses), addresses
    (body,) = [attributes for attributes, _ in parts.each("body")]
    assert (body["data-base"], body["data-root"]) == ("/air/flow/windlass", "/air/flow")


def test_the_view_of_airflows_ui_is_below_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    from windlass.web.plugin import airflow_path  # noqa: PLC0415 - it is asked once, when the plugin is loaded

    assert airflow_path() == ""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.com/air/flow/")
    assert airflow_path() == "/air/flow"


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_no_script_asks_again_before_it_was_answered_or_runs_what_it_is_given(script: Path) -> None:
    text = script.read_text()
    assert "setInterval" not in text
    assert not re.search(r"\beval\(|new Function|document\.write|window\.confirm|window\.alert", text)


@pytest.mark.parametrize("path", PAGES)
def test_pages_have_no_script_or_style_of_their_own_which_the_policy_forbids(client: TestClient, path: str) -> None:
    answer = client.get(f"/windlass/{path}")
    parts = Parts(answer.text)
    assert all(attributes.get("src") for attributes, _ in parts.each("script"))
    assert not list(parts.each("style"))
    assert not [one for _, attributes, _ in parts.found for one in attributes if one.startswith("on") or one == "style"]
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
