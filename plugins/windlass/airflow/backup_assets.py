"""The assets whose partitions, one a cluster, start backups and drills."""

from __future__ import annotations

from airflow.sdk import Asset

BACKUPS = Asset(name="windlass_backups")
"""Its events start the DAG `etcd_backup`: a backup is due."""
DRILLS = Asset(name="windlass_drills")
"""Its events start the DAG `restore_drill`: a new bundle is there to be proven."""
