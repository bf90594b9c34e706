"""The committed results: the last value of each figure, in the form that `make bench` writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bench import results

ENTRIES = results.read(results.RESULTS)
MEASURED = (
    (Path(__file__).parents[3] / "docs" / "benchmarks.md").read_text(encoding="utf-8").partition("## Measured")[2]
)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry["name"]))
def test_an_entry_has_what_its_figure_writes(entry: dict[str, object]) -> None:
    assert set(entry) == {"name", "value", "unit", "peer", "peer_value", "ratio", "runs", "date", "machine"}
    assert entry["runs"]
    assert entry["machine"]
    assert re.match(r"20\d\d-\d\d-\d\d", str(entry["date"]))


def test_each_figure_stands_there_once() -> None:
    names = [entry["name"] for entry in ENTRIES]
    assert len(names) == len(set(names))


def test_what_the_documentation_gives_as_measured_is_among_them() -> None:
    named = set(re.findall(r"^\| `([a-z0-9_]+)`", MEASURED, re.MULTILINE))
    groups = {"thousand_clusters", "thousand_clusters_notice_s"}  # several figures each
    assert named - groups <= {str(entry["name"]) for entry in ENTRIES}
    assert len(named) > 20
