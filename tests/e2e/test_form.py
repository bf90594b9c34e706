"""The life of a cluster from Airflow's pages alone, in a real browser: made, changed after a question, taken away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page

from e2e.ground import CHANGE_LIMIT, CLUSTER, RUN_LIMIT, Ground, Run, wait_for
from e2e.standing import empty_ground
from trigger_form import choose, fill, fill_text, logged_in, open_form, send
from windlass.cli.embedded.secret_files import login

pytestmark = pytest.mark.full

SIMPLE = {"cp-1": ("etcd", "control-plane", "worker"), "w-1": ("worker",)}
LABEL = {"roles": {"worker": {"kubelet": {"maxPods": 80}}}}


@pytest.fixture(scope="module")
def page(ground: Ground) -> Iterator[Page]:
    """A browser in which somebody has logged in, before a ground with nothing on it."""
    empty_ground(ground)
    with logged_in(ground.client._url, *login(ground.home)) as tab:
        yield tab
    empty_ground(ground)


def newest(ground: Ground, dag_id: str) -> str:
    """Return the id of the run that began last."""
    path = f"/api/v2/dags/{dag_id}/dagRuns?order_by=-run_after&limit=1"
    return str(ground.client._checked(ground.client._send("GET", path))["dag_runs"][0]["dag_run_id"])


def ended(ground: Ground, dag_id: str, within: timedelta = RUN_LIMIT) -> Run:
    return ground.finish(dag_id, newest(ground, dag_id), within).succeeded()


def test_a_cluster_is_made(ground: Ground, page: Page) -> None:
    open_form(page, ground.client._url, "create_cluster")
    fill(page, "Cluster", CLUSTER)
    fill_text(page, "Cluster", ground.spec(SIMPLE))
    send(page)

    ended(ground, "create_cluster")
    assert ground.not_ready(SIMPLE) == set()


def test_a_change_is_asked_about_and_done(ground: Ground, page: Page) -> None:
    url = ground.client._url
    open_form(page, url, "apply_cluster")
    fill(page, "Cluster", CLUSTER)
    fill_text(page, "Cluster", ground.spec(SIMPLE, **LABEL))
    send(page)
    run_id = newest(ground, "apply_cluster")
    wait_for(
        lambda: any(one.state == "awaiting_input" for one in ground.client.tasks("apply_cluster", run_id)), "a question"
    )

    choose(page, f"{url}/dags/apply_cluster/runs/{run_id}/tasks/approval/required_actions", "Approve")

    assert ended(ground, "apply_cluster", CHANGE_LIMIT).outcome == "done"
    pods = ground.kubectl("cp-1", "get", "node", "w-1", "-o", "jsonpath={.status.allocatable.pods}")
    assert pods == "80"


def test_a_cluster_is_taken_away(ground: Ground, page: Page) -> None:
    open_form(page, ground.client._url, "delete_cluster")
    fill(page, "Cluster", CLUSTER)
    fill(page, "Confirm the name", CLUSTER)
    send(page)

    ended(ground, "delete_cluster")
    assert ground.records.spec() is None
    assert {host: ground.traces(host) for host in SIMPLE} == {host: [] for host in SIMPLE}
