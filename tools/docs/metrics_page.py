"""The reference of the metrics, as `windlass.domain.metrics` has them."""

from __future__ import annotations

from windlass.domain.metrics import METRICS, Metric

_HEAD = (
    "# Metrics",
    "",
    "What `/windlass/metrics` tells. How Prometheus logs in, what the values mean together, and which alerts come",
    "along: [monitoring.md](../monitoring.md).",
    "",
    "This page is made by `make docs-reference`.",
    "",
    "| metric | kind | labels | meaning |",
    "|---|---|---|---|",
)


def metrics_page() -> str:
    """Return the page of all metrics."""
    return "\n".join((*_HEAD, *map(_row, METRICS), ""))


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "—"
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.text} |"
