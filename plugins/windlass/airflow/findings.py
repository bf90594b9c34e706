"""How health speaks to repair in Airflow: what is found becomes events of one asset, and runs by cluster of another.

Airflow gives the event of a trigger no partition key. So the events of `windlass_findings` (`findings_asset`) start
the DAG `watch_health`, which hands them on, one partition of `REPAIRS` a cluster; `heal_cluster` is scheduled by
`PartitionedAssetTimetable(assets=REPAIRS)`, and its run's partition key is the cluster.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk import Asset, AssetWatcher

from windlass.airflow.triggers.health import ClusterHealthTrigger
from windlass.domain.health import Finding

SHARDS_SETTING = "WINDLASS_WATCH_SHARDS"
"""Setting (environment): over how many triggers all clusters are spread, which Airflow spreads over its triggerers."""


def findings_asset(shards: int | None = None) -> Asset:
    """Return FINDINGS: the asset whose events are what the watchers of all clusters find."""
    count = int(os.environ.get(SHARDS_SETTING, "1")) if shards is None else shards
    watchers = [AssetWatcher(f"clusters-{shard}", ClusterHealthTrigger(shard, count)) for shard in range(count)]
    return Asset(name="windlass_findings", watchers=watchers)


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
