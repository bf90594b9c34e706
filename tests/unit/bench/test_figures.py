"""Figures: medians, ratios, bars, the entries of results.json."""

from __future__ import annotations

import pytest
from bench.figure import Bar, Figure, Peer


def test_the_value_is_the_median_of_the_runs() -> None:
    assert Figure("a_s", "s", (9.0, 1.0, 2.0)).value == 2.0
    assert Figure("a_s", "s", (4.0, 1.0, 2.0, 3.0)).value == 2.5


def test_the_ratio_compares_with_the_peers_median() -> None:
    assert Figure("a_s", "s", (3.0,), peer=Peer("other", (1.0, 2.0, 90.0))).ratio == 1.5


@pytest.mark.parametrize("peer", [None, Peer("other", (0.0,))])
def test_without_a_peers_time_there_is_no_ratio(peer: Peer | None) -> None:
    assert Figure("a_s", "s", (3.0,), peer=peer).ratio is None


@pytest.mark.parametrize(
    ("bar", "agreement"),
    [(Bar(15), "not met"), (Bar(15, may_equal=True), "met"), (Bar(15.1), "met"), (Bar(14, may_equal=True), "not met")],
)
def test_a_bar_is_met_below_it_or_on_it_where_that_counts(bar: Bar, agreement: str) -> None:
    assert Figure("a_ms", "ms", (15.0,), bar).agreement == agreement


def test_without_a_bar_there_is_no_verdict() -> None:
    assert Figure("a_ms", "ms", (15.0,)).agreement == ""


def test_an_entry_has_everything_that_results_promise() -> None:
    figure = Figure("a_ms", "ms", (1.0, 2.0, 3.00004), Bar(5), Peer("other", (4.0,)))
    assert figure.entry("2026-01-02T03:04:05+00:00", "a machine") == {
        "name": "a_ms",
        "value": 2.0,
        "unit": "ms",
        "peer": "other",
        "peer_value": 4.0,
        "ratio": 0.5,
        "runs": [1.0, 2.0, 3.0],
        "date": "2026-01-02T03:04:05+00:00",
        "machine": "a machine",
    }
