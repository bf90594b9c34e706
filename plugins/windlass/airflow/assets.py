"""The assets of Windlass: what is due, for its own DAGs, and what has happened, for anybody's.

Each event is about one cluster, which is its partition: `PartitionedAssetTimetable(assets=BACKED_UP)` starts a run a
cluster, whose `partition_key` is the cluster's name. Airflow starts no other DAGs by events with a partition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Asset, Context

REPAIRS = Asset(name="windlass_repairs")
"""Something is to be remedied: extra `{"findings": [Finding.to_dict(), …]}`, maybe of other clusters too."""
BACKUPS = Asset(name="windlass_backups")
"""A backup is due; starts the DAG `etcd_backup`."""
DRILLS = Asset(name="windlass_drills")
"""A new bundle is there to be proven; starts the DAG `restore_drill`."""

CREATED = Asset(name="windlass_created")
"""A cluster was made, or completed, and verified."""
CHANGED = Asset(name="windlass_changed")
"""An apply has brought a cluster to its spec."""
UPGRADED = Asset(name="windlass_upgraded")
"""A cluster runs another release: extra `{"from": VERSION, "to": VERSION}`."""
BACKED_UP = Asset(name="windlass_backed_up")
"""A bundle was taken and verified: extra `{"bundle": ID}`."""
PROVEN = Asset(name="windlass_proven")
"""A bundle was restored by a drill and compared: extra `{"bundle": ID}`."""
RECOVERED = Asset(name="windlass_recovered")
"""A cluster was recovered from a bundle, and verified."""
DELETED = Asset(name="windlass_deleted")
"""A cluster is off its hosts, and forgotten."""


def announce(context: Context, asset: Asset, cluster: str, extra: Mapping[str, Any] | None = None) -> None:
    """Have this task, once it has ended well, tell of `cluster` what `asset` is about."""
    event = context["outlet_events"][asset]
    event.extra = {"cluster": cluster, **(extra or {})}
    event.add_partitions(cluster)
