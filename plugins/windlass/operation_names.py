"""The name of each operation, once.

An operation has one name everywhere: it is the id of its DAG, what a lease and the service log record of it, and what
messages tell people to trigger. The files in dags/ have the same names. Stored leases and log entries hold these
strings, so a name once given stays.
"""

from __future__ import annotations

from enum import StrEnum


class Operation(StrEnum):
    """What Windlass does to a cluster, or for all of them."""

    APPLY = "apply_cluster"
    """Brings a cluster to its spec, whatever differs: the one door for all changes."""
    CREATE = "create_cluster"
    """Makes a cluster where nothing is, or goes on with one whose making broke off."""
    DELETE = "delete_cluster"
    WATCH = "watch_health"
    REMEDIATE = "heal_cluster"
    BACK_UP = "etcd_backup"
    SCHEDULE_BACKUPS = "backup_dispatch"
    DRILL = "restore_drill"
    RECOVER = "disaster_recovery"
    RESTORE_OBJECTS = "restore_objects"
    """Brings one namespace or one object back from a bundle, into a cluster that lives."""
    UPGRADE = "upgrade_cluster"
    REHEARSE = "rehearse_upgrade"
    """Tries an upgrade on a bundle, in a place that is cut off from the cluster."""
    PAUSE_UPGRADE = "pause_upgrade"
    WATCH_CATALOG = "catalog_watch"
    REPLACE_MEMBER = "replace_member"
    ROTATE = "rotate_certificates"
    """Changes certificates, authorities and keys of a running cluster, phase by phase."""
    SYNC_SPECS = "sync_specs"
    """Has the specs applied that files have, such as those of a repository."""
    COMMAND = "run_command"
    """Runs one command of `windlass` for somebody who gave it elsewhere; the plugin's API alone starts it."""


ROLLOUTS = frozenset({Operation.APPLY, Operation.UPGRADE, Operation.ROTATE})
"""The operations that change a running cluster step by step, and can be asked to pause between two steps."""
