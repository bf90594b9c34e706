"""Tell each cluster once of every tested release that it may move to: service log, people, a record for pages."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from windlass.domain.catalog import Catalog
from windlass.domain.catalog.tested import Standing, standing
from windlass.domain.lease import Owner
from windlass.domain.rollout.available import AvailableUpgrade, available_upgrades
from windlass.domain.servicelog import Event
from windlass.domain.spec import Cluster, load_cluster
from windlass.effects.store import ClusterRecords, ServiceLog, Store, list_clusters
from windlass.effects.store.keys import offer_key
from windlass.errors import UNREADABLE, IntegrityError
from windlass.operations.services import Services

log = logging.getLogger(__name__)


def release_standings(services: Services) -> dict[str, Standing]:
    """Return how each release of the catalog stands, by its record of tests; which bytes a mirror has is not asked."""
    releases = services.catalog.releases
    return {version: standing(release, services.release_tests(version)) for version, release in releases.items()}


@dataclass(frozen=True)
class UpgradeAnnouncer:
    """Tells the clusters of a store, for one run; there is one run at a time."""

    store: Store
    run: Owner
    notify: Callable[[str, str], None]
    """Tells people: the cluster's name, and the text."""

    def announce(self, catalog: Catalog, standings: Mapping[str, Standing]) -> dict[str, list[str]]:
        """Tell every cluster what it was not told yet, and return the versions by cluster.

        A cluster whose spec cannot be read is passed over, so that it keeps no other from being told.
        """
        told: dict[str, list[str]] = {}
        for name, cluster in self._clusters():
            for upgrade in available_upgrades(catalog, cluster.spec.kubernetes.version, standings):
                if self._tell_if_known(name, upgrade):
                    told.setdefault(name, []).append(upgrade.version)
        return told

    def _tell_if_known(self, cluster: str, upgrade: AvailableUpgrade) -> bool:
        try:
            return self._tell(cluster, upgrade)
        except IntegrityError as error:
            log.warning("%s is not told of %s, as nobody knows whether it was: %s", cluster, upgrade.version, error)
            return False

    def _clusters(self) -> Iterator[tuple[str, Cluster]]:
        for name in list_clusters(self.store):
            try:
                cluster = load_cluster(ClusterRecords(self.store, name).spec() or "", f"stored spec of {name}")
            except UNREADABLE as error:
                log.warning("%s is told of no release, its stored spec cannot be read: %s", name, error)
                continue
            yield name, cluster

    def _tell(self, cluster: str, upgrade: AvailableUpgrade) -> bool:
        """Tell one cluster of one release, unless it was told before."""
        key, run = offer_key(cluster, upgrade.version), self.run
        if self.store.get(key) is not None:
            return False
        event = Event(datetime.now(UTC), run.dag_id, upgrade.text, run_id=run.run_id, details=upgrade.value())
        ServiceLog(self.store, cluster).append(event, writer=run.dag_id)
        self.notify(cluster, upgrade.text)
        # Last, since one that is told of twice, by a run that died here, is better off than one that is never told.
        record = {**upgrade.value(), "told": datetime.now(UTC).isoformat(timespec="seconds")}
        self.store.put(key, json.dumps(record, indent=1).encode())
        return True
