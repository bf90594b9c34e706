"""Telling clusters of newer releases."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseOperator, Context

from windlass.airflow.errors import TASK_DEFAULTS, ending_on_permanent_errors
from windlass.airflow.services import airflow_services
from windlass.domain.catalog.tested import standing
from windlass.domain.notice import Notice
from windlass.domain.rollout.available import AvailableUpgrade, available_upgrades
from windlass.domain.servicelog import Event
from windlass.domain.spec import load_cluster
from windlass.effects.store import ClusterRecords, ServiceLog, list_clusters
from windlass.effects.store.keys import offer_key
from windlass.errors import WindlassError
from windlass.operations.services import Services


class CatalogWatchOperator(BaseOperator):
    """Tells each cluster once of every tested release that it may move to: service log, notifiers, a record for pages.

    A cluster whose spec cannot be read is passed over, so that it keeps no other from being told.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**TASK_DEFAULTS, **options})

    def execute(self, context: Context) -> dict[str, list[str]]:
        """Return the versions that each cluster was told of now."""
        with ending_on_permanent_errors():
            return tell_clusters(airflow_services(), context)


def tell_clusters(services: Services, context: Context) -> dict[str, list[str]]:
    """Tell every cluster what it was not told yet."""
    store, catalog = services.store, services.catalog
    standings = {
        version: standing(release, services.release_tests(version), None)
        for version, release in catalog.releases.items()
    }
    told: dict[str, list[str]] = {}
    for name in list_clusters(store):
        try:
            cluster = load_cluster(ClusterRecords(store, name).spec() or "", f"stored spec of {name}")
        except WindlassError:
            continue
        for offer in available_upgrades(catalog, cluster.spec.kubernetes.version, standings):
            if _tell(services, name, offer, context):
                told.setdefault(name, []).append(offer.version)
    return told


def _tell(services: Services, cluster: str, offer: AvailableUpgrade, context: Context) -> bool:
    """Tell one cluster of one release, unless it was told before."""
    store, key, run = services.store, offer_key(cluster, offer.version), context["dag_run"]
    if store.get(key) is not None:
        return False
    event = Event(datetime.now(UTC), run.dag_id, offer.text, run_id=run.run_id, details=offer.value())
    ServiceLog(store, cluster).append(event, writer=run.dag_id)
    services.notify([Notice(cluster, offer.text, is_alert=True)], context)
    # Last, since one that is told of twice, by a run that died here, is better off than one that is never told. There
    # is one run at a time.
    record = {**offer.value(), "told": datetime.now(UTC).isoformat(timespec="seconds")}
    store.put(key, json.dumps(record, indent=1).encode())
    return True
