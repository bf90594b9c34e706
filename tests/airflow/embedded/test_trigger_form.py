"""A person starts operations from the form behind Airflow's Trigger button, in a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from windlass.cli.embedded.client import AirflowClient
from windlass.cli.embedded.instance import up
from windlass.cli.embedded.layout import Home
from windlass.cli.embedded.secret_files import login

from .conftest import LIMIT, SETTINGS

SPEC = """apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}"""
PATIENCE_MS = 60_000
"""The page and a whole Airflow share the machine with other tests."""


@pytest.fixture(scope="module")
def page(home: Home) -> Iterator[Page]:
    """A browser in which somebody has logged in to Airflow."""
    user, password = login(home)
    with sync_playwright() as playwright:
        # Debian's own, by tools/setup. As root it starts only without its sandbox; and it sees this Airflow alone.
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page()
        tab.set_default_timeout(PATIENCE_MS)
        tab.goto(up(home, SETTINGS).url)
        tab.locator("input[name=username]").fill(user)
        tab.locator("input[name=password]").fill(password)
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("link", name="Dags")).to_be_visible(timeout=PATIENCE_MS)
        yield tab
        browser.close()


def open_form(page: Page, client: AirflowClient, dag_id: str) -> None:
    client.wait_for_dag(dag_id, within=LIMIT)
    page.goto(f"{client._url}/dags/{dag_id}")
    page.get_by_test_id("trigger-dag-button").click()
    expect(page.get_by_role("button", name="Run Parameters")).to_be_visible(timeout=PATIENCE_MS)


def row(page: Page, title: str) -> Locator:
    """Return the row of the form that has this title before it."""
    label = page.locator("label", has_text=re.compile(rf"^{title}\s*\*?\s*$"))
    return page.get_by_test_id("config-form").get_by_role("group").filter(has=label)


def fill(page: Page, title: str, text: str) -> None:
    row(page, title).locator("input, textarea").click()
    page.keyboard.type(text)


def flip(page: Page, title: str) -> None:
    row(page, title).locator("[data-scope=switch][data-part=control]").click()


def send(page: Page) -> None:
    page.get_by_test_id("trigger-dag-submit").click()
    expect(page.get_by_test_id("trigger-dag-submit")).to_be_hidden(timeout=PATIENCE_MS)


def sent(client: AirflowClient, dag_id: str) -> dict[str, Any]:
    """Return the conf of the one run that there is, by Airflow's API."""
    (run,) = client._checked(client._send("GET", f"/api/v2/dags/{dag_id}/dagRuns"))["dag_runs"]
    assert re.match("manual__", run["dag_run_id"])
    conf: dict[str, Any] = run["conf"]
    return conf


def test_a_repair_is_started_with_its_cluster_alone(page: Page, client: AirflowClient) -> None:
    open_form(page, client, "heal_cluster")
    fill(page, "Cluster", "demo")
    flip(page, "Plan only")

    send(page)

    assert sent(client, "heal_cluster") == {"cluster": "demo", "finding": None, "plan_only": True, "reason": None}


def test_a_spec_is_applied_with_its_cluster_alone(page: Page, client: AirflowClient) -> None:
    open_form(page, client, "apply_cluster")
    fill(page, "Cluster", "demo")
    flip(page, "Plan only")

    send(page)

    assert {name: value for name, value in sent(client, "apply_cluster").items() if value} == {
        "cluster": "demo",
        "plan_only": True,
    }


def test_a_cluster_is_created_once_its_name_is_there(page: Page, client: AirflowClient) -> None:
    open_form(page, client, "create_cluster")
    expect(page.get_by_test_id("trigger-dag-submit")).to_be_disabled()
    fill(page, "Cluster", "demo")
    expect(page.get_by_test_id("trigger-dag-submit")).to_be_enabled()
    page.keyboard.press("Tab")
    page.keyboard.insert_text(SPEC)  # typing loses a key now and then where the machine is busy
    fill(page, "Reason", "for the shop")

    send(page)

    expected = {"cluster": "demo", "spec": SPEC, "plan_only": False, "reason": "for the shop"}
    assert sent(client, "create_cluster") == expected
