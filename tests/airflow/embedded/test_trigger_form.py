"""A person starts operations from the form behind Airflow's Trigger button, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from trigger_form import fill, fill_text, flip, logged_in, send
from trigger_form import open_form as open_form_at
from windlass.cli.embedded.client import AirflowClient
from windlass.cli.embedded.instance import up
from windlass.cli.embedded.layout import Home
from windlass.cli.embedded.secret_files import login

from .conftest import LIMIT, SETTINGS

SPEC = """apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}"""


@pytest.fixture(scope="module")
def page(home: Home) -> Iterator[Page]:
    """A browser in which somebody has logged in to Airflow."""
    with logged_in(up(home, SETTINGS).url, *login(home)) as tab:
        yield tab


def open_form(page: Page, client: AirflowClient, dag_id: str) -> None:
    client.wait_for_dag(dag_id, within=LIMIT)
    open_form_at(page, client._url, dag_id)


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
    fill_text(page, "Cluster", SPEC)
    fill(page, "Reason", "for the shop")

    send(page)

    expected = {"cluster": "demo", "spec": SPEC, "plan_only": False, "reason": "for the shop"}
    assert sent(client, "create_cluster") == expected
