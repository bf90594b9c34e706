"""What goes with the metrics uses only metrics that there are, and labels that they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from windlass.domain.metrics import METRICS
from windlass.operation_names import Operation

ROOT = Path(__file__).resolve().parents[3]
MONITORING = ROOT / "include" / "monitoring"
PAGE = (ROOT / "docs" / "monitoring.md").read_text()
BY_NAME = {metric.name: metric for metric in METRICS}
RULES = [rule for group in yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text())


def queries() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    yield from (target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])
    yield from (one["query"]["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query")


QUERIES = list(queries())


@pytest.mark.parametrize("query", QUERIES)
def test_queries_use_metrics_and_labels_that_are_exported(query: str) -> None:
    used = re.findall(r"\b(windlass_\w+)(?:\{([^}]*)\})?", query)
    assert used
    for name, selector in used:
        assert name in BY_NAME
        labels = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)
        assert set(labels) <= set(BY_NAME[name].labels)
    grouped = [label.strip() for group in re.findall(r"(?:by|on) \(([^)]*)\)", query) for label in group.split(",")]
    assert set(grouped) <= {label for name, _ in used for label in BY_NAME[name].labels}
    for left, right in ("()", "{}", "[]"):
        assert query.count(left) == query.count(right)


def test_a_query_of_what_is_not_exported_is_noticed() -> None:
    with pytest.raises(AssertionError):
        test_queries_use_metrics_and_labels_that_are_exported("windlass_nothing > 0")
    with pytest.raises(AssertionError):
        test_queries_use_metrics_and_labels_that_are_exported('windlass_alerts{host="a"} > 0')


def test_counters_are_only_asked_how_they_grow() -> None:
    for query in QUERIES:
        for name in re.findall(r"windlass_\w+_total", query):
            assert re.search(rf"(?:increase|rate)\({name}", query), query


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["alert"].startswith("Windlass")
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["labels"]["severity"] in {"info", "warning", "critical"}
    assert rule["annotations"]["summary"]
    description = rule["annotations"]["description"]
    for page in re.findall(r"docs/[\w.-]+\.md", description):
        assert (ROOT / page).is_file()
    used = {label for name in re.findall(r"\bwindlass_\w+", rule["expr"]) for label in BY_NAME[name].labels}
    named = set(re.findall(r"\$labels\.(\w+)", f"{rule['annotations']['summary']} {description}"))
    assert named <= used


def test_alerts_have_different_names() -> None:
    names = [rule["alert"] for rule in RULES]
    assert sorted(set(names)) == sorted(names)


def test_panels_have_different_ids_and_places() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)


def test_dags_that_alerts_name_are_there() -> None:
    text = json.dumps(RULES)
    dags = set(re.findall(r"\b(?:heal|apply|upgrade|create|delete)_cluster\b|\b\w+_(?:backup|drill|dispatch)\b", text))
    assert dags <= set(Operation)
