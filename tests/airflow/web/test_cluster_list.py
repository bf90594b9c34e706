"""All clusters, as a list and as metrics: each for whom it lets see it, what needs somebody first, in few requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi.testclient import TestClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from unit.store.stores import CountingStore, new_keys
from windlass.domain.apply.created import CreatedRecord
from windlass.domain.metrics import METRICS
from windlass.domain.remediation import History
from windlass.effects.store import AuthenticatedStore, ClusterRecords, MemoryStore, NotingStore, Store, Summarizer
from windlass.web import app as web
from windlass.web import needs

SPEC = (Path(__file__).resolve().parents[3] / "include/clusters/ha-3-1.yaml").read_text()
NAME = next(line for line in SPEC.splitlines() if "name:" in line).split("name:")[1].strip(" {}")
NOW = datetime.now(UTC)


def status(word: str, age: timedelta = timedelta()) -> dict[str, Any]:
    subject = {"host": "cp-1", "component": "etcd", "status": word, "since": NOW.isoformat(), "evidence": ""}
    return {"observed": (NOW - age).isoformat(), "hosts": {"cp-1": True}, "subjects": [subject], "findings": []}


def save(store: Store, name: str, access: str = "") -> ClusterRecords:
    records = ClusterRecords(store, name)
    records.save_spec(SPEC.replace(NAME, name) + access)
    records.save_created(CreatedRecord(NOW, "a1"))
    return records


@pytest.fixture
def raw(pages: Any) -> CountingStore:
    raw, masters = CountingStore(), new_keys()
    inner = AuthenticatedStore.by(raw, masters)
    store = NotingStore(inner, Summarizer(inner))
    save(store, "a-healthy").save_status(status("healthy"))
    save(store, "b-ill").save_status(status("unhealthy"))
    save(store, "c-unwatched").save_status(status("healthy", timedelta(hours=1)))
    save(store, "d-alerted").save_repairs(History(alerts={"etcd": "no quorum"}))
    save(store, "e-hidden", "  access: {roles: {'user:anna': [operate]}}\n").save_status(status("healthy"))
    pages.dependency_overrides |= {needs.store: lambda: AuthenticatedStore.by(raw, masters), needs.keys: lambda: None}
    return raw


@pytest.fixture
def client(server: TestClient, raw: CountingStore) -> TestClient:
    server.headers["Authorization"] = f"Bearer {login('viewer')}"
    return server


def login(name: str) -> str:
    return str(get_auth_manager().generate_jwt(user=SimpleAuthManagerUser(username=name, role="viewer")))


def names(client: TestClient, query: str = "") -> list[str]:
    return [one["name"] for one in client.get(f"/windlass/api/clusters{query}").json()]


def test_what_needs_somebody_comes_first(client: TestClient) -> None:
    assert names(client) == ["d-alerted", "b-ill", "c-unwatched", "a-healthy"]
    page = client.get("/windlass/").text
    places = [page.index(f"/windlass/cluster/{name}") for name in names(client)]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?q=ILL", ["b-ill"]),
        ("?standing=healthy", ["a-healthy"]),
        ("?q=cp-1&standing=ill", ["b-ill"]),
        ("?q=none", []),
        ("?limit=1", ["d-alerted"]),
        ("?limit=2&offset=1", ["b-ill", "c-unwatched"]),
    ],
)
def test_clusters_are_found_by_words_and_by_how_they_are(client: TestClient, query: str, found: list[str]) -> None:
    assert names(client, query) == found
    page = client.get(f"/windlass/{query}").text
    assert [name for name in ("a-healthy", "b-ill", "c-unwatched", "d-alerted") if f"cluster/{name}" in page] == sorted(
        found
    )


def test_who_a_cluster_does_not_let_see_it_learns_nothing_of_it(client: TestClient) -> None:
    assert "e-hidden" not in client.get("/windlass/?q=hidden").text.replace('value="hidden"', "")
    client.headers["Authorization"] = f"Bearer {login('anna')}"
    assert "e-hidden" in names(client)


def test_a_view_takes_few_requests_to_the_store(client: TestClient, raw: CountingStore) -> None:
    for path in ("/windlass/", "/windlass/api/clusters", "/windlass/metrics"):
        raw.asked.clear()
        assert client.get(path).status_code == 200
        assert 0 < raw.asked.total() <= 20, raw.asked


def test_words_that_somebody_looks_for_are_shown_as_text(client: TestClient) -> None:
    page = client.get("/windlass/", params={"q": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in page


def test_more_clusters_than_fit_on_a_page_are_behind_a_link(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "MOST_SHOWN", 3)
    page = client.get("/windlass/").text
    assert "1 to 3 of 4" in page
    assert "offset=3" in page
    assert "cluster/a-healthy" in client.get("/windlass/?offset=3").text


FORMATS = [
    ("", "text/plain", plain_text),
    ("text/plain;version=0.0.4;q=0.5", "text/plain", plain_text),
    ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text", open_metrics),
]


@pytest.mark.parametrize(("accept", "kind", "parse"), FORMATS)
def test_prometheus_reads_the_metrics_in_the_format_that_it_asks_for(
    client: TestClient, accept: str, kind: str, parse: Any
) -> None:
    answer = client.get("/windlass/metrics", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith(kind)
    families = {family.name: family for family in parse(answer.text)}
    for metric in METRICS:
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.text)
        assert {frozenset(one.labels) for one in family.samples} <= {frozenset(metric.labels)}
    standings = {one.labels["cluster"]: one for one in families["windlass_cluster_standing"].samples if one.value == 1}
    assert {name: one.labels["standing"] for name, one in standings.items()} == {
        "a-healthy": "healthy", "b-ill": "ill", "c-unwatched": "not watched", "d-alerted": "needs help"
    }  # fmt: skip


def test_metrics_are_of_what_may_be_seen_alone(client: TestClient) -> None:
    assert "e-hidden" not in client.get("/windlass/metrics").text
    client.headers["Authorization"] = f"Bearer {login('anna')}"
    assert 'cluster="e-hidden"' in client.get("/windlass/metrics").text


def test_nobody_reads_metrics_without_a_login(client: TestClient) -> None:
    client.headers.pop("Authorization")
    assert client.get("/windlass/metrics").status_code == 401


def test_words_in_labels_cannot_make_metrics_up(client: TestClient, raw: CountingStore, pages: Any) -> None:
    store = MemoryStore()
    records = save(store, "demo")
    component = 'x"} 1\nwindlass_alerts{cluster="demo"} 7\n\\'
    subject = {"host": "cp-1", "component": component, "status": "healthy", "since": NOW.isoformat()}
    records.save_status({**status("healthy"), "subjects": [subject]})
    pages.dependency_overrides[needs.store] = lambda: store
    families = {family.name: family for family in plain_text(client.get("/windlass/metrics").text)}
    assert [one.value for one in families["windlass_alerts"].samples] == [0]
    assert {one.labels["component"] for one in families["windlass_component_instances"].samples} == {component}
