"""From Airflow's connections to what watches: the fleet of clusters in the store, and the last observation of one."""

from __future__ import annotations

from datetime import datetime

from windlass.airflow.hooks.host import HostHook
from windlass.airflow.services import airflow_services
from windlass.domain.health import CheckReader
from windlass.domain.health.readiness import Readiness, readiness_of
from windlass.domain.spec import Cluster
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.store import ClusterRecords, noting_together
from windlass.operations.health.fleet import Fleet, Shard

_SUMMARY_SECONDS = 1.0
"""How long after a change of health the summaries show it; what changes meanwhile is written with it."""


def open_fleet(shard: int = 0, shards: int = 1) -> Fleet:
    """Return a share of the clusters in the store; SpecError if a connection or the catalog is wrong."""
    services = airflow_services()
    return Fleet(
        noting_together(services.store, _SUMMARY_SECONDS),
        services.catalog,
        _logins,
        Shard(shard, shards),
        CheckReader(),
    )


def look(cluster: str, now: datetime) -> Readiness:
    """Return how a cluster was when it was observed last."""
    records = ClusterRecords(airflow_services().store, cluster)
    return readiness_of(records.status(), now, is_created=records.created() is not None)


def _logins(cluster: Cluster) -> list[SshTarget]:
    return HostHook(cluster.spec.hosts.ssh.connection).targets(cluster)
