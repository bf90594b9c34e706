"""A cluster that is watched: one lab and one Airflow for all benchmarks of noticing and of remediation."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile
from typing import Any

from bench.lab_cluster import LabCluster, lab_cluster
from windlass.domain.sealing import MasterKeys
from windlass.domain.secret import Secret
from windlass.domain.servicelog import Event
from windlass.effects.store import AuthenticatedStore, ClusterRecords, S3Store, ServiceLog, StoreConfig
from windlass.errors import NotReadyError
from windlass_lab.model import BUCKET

HOSTS = ("cp-1", "cp-2", "cp-3")
"""One after another: what fails again and again on one host is repaired after ever longer pauses, and at last not."""
LOOK_SECONDS = 0.05
_LIMIT = timedelta(minutes=5)


class Watched:
    """A cluster that is watched."""

    def __init__(self, stand: LabCluster) -> None:
        self.stand = stand
        s3 = stand.lab.s3_credentials()
        config = StoreConfig(BUCKET, "", stand.lab.s3_endpoint, "us-east-1", s3.access_key, Secret(s3.secret_key))
        self._store = AuthenticatedStore.by(S3Store(config), MasterKeys.parse(stand.master_key.reveal()))
        self._records = ClusterRecords(self._store, stand.cluster.name)

    def repair(self, *, is_on: bool) -> None:
        """Let what is found be repaired from now on, or leave it as it is."""
        if is_on:
            self.stand.airflow.unpause("heal_cluster")
            return
        # Airflow brings no run of a paused DAG to its end, not even one whose tasks are done.
        self.until(lambda: not self._is_repaired(), "no repair is under way")
        self.stand.airflow.pause("heal_cluster")

    def until_calm(self) -> None:
        """Wait until all is seen to be well, and no repair is under way."""
        self.until(lambda: self._is_healthy() and not self._is_repaired(), "all is healthy")

    def is_found(self, host: str, component: str) -> bool:
        """Tell whether the watch knows that a component is down."""
        return any((one["host"], one["component"]) == (host, component) for one in self._status()["findings"])

    def events_since(self, began: datetime) -> list[Event]:
        """Return what was written to the service log since, the oldest first."""
        log = ServiceLog(self._store, self._records.cluster)
        return list(takewhile(lambda one: one.time >= began, log.events()))[::-1]

    def on(self, host: str, script: str) -> str:
        """Run a shell script on a host, past Windlass, and return what it printed."""
        return self.stand.on(host, script)

    def until(self, condition: Callable[[], Any], what: str, pause: float = LOOK_SECONDS) -> None:
        """Look again and again until `condition` holds; NotReadyError, with the service log's end, if it never does."""
        deadline = time.monotonic() + _LIMIT.total_seconds()
        while not condition():
            if time.monotonic() > deadline:
                told = "\n".join(one.text for one in self.events_since(datetime.now(UTC) - _LIMIT)[-20:])
                raise NotReadyError(f"not within {_LIMIT}: {what}; the service log:\n{told}")
            time.sleep(pause)

    def _is_healthy(self) -> bool:
        status = self._status()
        subjects = status["subjects"]
        return bool(subjects) and not status["findings"] and all(one["status"] == "healthy" for one in subjects)

    def _is_repaired(self) -> bool:
        return not all(run.has_ended for run in self.stand.airflow.runs("heal_cluster"))

    def _status(self) -> dict[str, Any]:
        return dict(self._records.status() or {"subjects": [], "findings": []})


@cache
def watched_cluster(cleanup: ExitStack) -> Watched:
    """Return the cluster that all of these benchmarks use, made when it is first asked for; nothing is repaired yet."""
    stand = cleanup.enter_context(lab_cluster("bench-watched"))
    stand.run("create_cluster", spec=stand.spec)
    stand.airflow.wait_for_dag("heal_cluster")
    watched = Watched(stand)
    watched.repair(is_on=False)
    stand.airflow.unpause("watch_health")
    watched.until_calm()
    return watched
