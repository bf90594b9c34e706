"""How health speaks to repair in Airflow: what is found becomes events of one asset, and runs by cluster of another.

Airflow gives the event of a trigger no partition key. So the events of `FINDINGS` start the DAG `watch_health`, which
hands them on, one partition of `REPAIRS` a cluster; `heal_cluster` is scheduled by
`PartitionedAssetTimetable(assets=REPAIRS)`, and its run's partition key is the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk import Asset

from windlass.domain.health import Finding

FINDINGS_NAME = "windlass_findings"
REPAIRS = Asset(name="windlass_repairs")
"""Its events: partition key the cluster; extra `{"findings": [Finding.to_dict(), …]}`, maybe of other clusters too."""


def findings_in(events: Iterable[Any], cluster: str | None = None) -> tuple[Finding, ...]:
    """Return the findings that asset events carry, each once, of `cluster` or of all.

    `events` are those of FINDINGS (extra as a trigger's event gives it) or of REPAIRS.
    """
    found: dict[str, Finding] = {}
    for event in events:
        extra: Mapping[str, Any] = event.extra or {}
        values: Mapping[str, Any] = extra.get("payload") or extra
        for one in values.get("findings", ()):
            finding = Finding.from_dict(one)
            if cluster in {None, finding.cluster}:
                found[finding.id] = finding
    return tuple(found.values())
