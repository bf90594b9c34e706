"""Airflow's trigger form in a real browser, as a person uses it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page, expect, sync_playwright

PATIENCE_MS = 60_000
"""The page and a whole Airflow share the machine with other tests."""


@contextmanager
def logged_in(url: str, user: str, password: str) -> Iterator[Page]:
    """Give a browser in which somebody has logged in to Airflow."""
    with sync_playwright() as playwright:
        # Debian's own, by tools/setup. As root it starts only without its sandbox; and it sees this Airflow alone.
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page()
        tab.set_default_timeout(PATIENCE_MS)
        tab.goto(url)
        tab.locator("input[name=username]").fill(user)
        tab.locator("input[name=password]").fill(password)
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("link", name="Dags")).to_be_visible(timeout=PATIENCE_MS)
        yield tab
        browser.close()


def open_form(page: Page, url: str, dag_id: str) -> None:
    """Open the form behind a DAG's Trigger button."""
    page.goto(f"{url}/dags/{dag_id}")
    page.get_by_test_id("trigger-dag-button").click()
    expect(page.get_by_role("button", name="Run Parameters")).to_be_visible(timeout=PATIENCE_MS)


def fill(page: Page, title: str, text: str) -> None:
    """Type into a field of one line, key by key."""
    _row(page, title).locator("input, textarea").click()
    page.keyboard.type(text)


def fill_text(page: Page, after: str, text: str) -> None:
    """Put a long text into the field that comes next after the one of the title `after`."""
    _row(page, after).locator("input, textarea").click()
    page.keyboard.press("Tab")
    page.keyboard.insert_text(text)  # typing loses a key now and then where the machine is busy


def flip(page: Page, title: str) -> None:
    """Turn a switch over."""
    _row(page, title).locator("[data-scope=switch][data-part=control]").click()


def send(page: Page) -> None:
    """Press the form's Trigger button."""
    page.get_by_test_id("trigger-dag-submit").click()
    expect(page.get_by_test_id("trigger-dag-submit")).to_be_hidden(timeout=PATIENCE_MS)


def choose(page: Page, url: str, option: str) -> None:
    """Answer the question that a task asks, on the page of its required action at `url`."""
    page.goto(url)
    page.get_by_test_id(f"hitl-option-{option}").click()
    expect(page.get_by_test_id(f"hitl-option-{option}")).to_be_disabled(timeout=PATIENCE_MS)


def _row(page: Page, title: str) -> Locator:
    """Return the row of the form that has this title before it."""
    label = page.locator("label", has_text=re.compile(rf"^{title}\s*\*?\s*$"))
    return page.get_by_test_id("config-form").get_by_role("group").filter(has=label)
