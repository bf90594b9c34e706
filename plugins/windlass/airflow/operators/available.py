"""Telling clusters of newer releases."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context

from windlass.airflow.errors import TASK_DEFAULTS, ending_on_permanent_errors
from windlass.airflow.services import airflow_services
from windlass.domain.lease import Owner
from windlass.domain.notice import Notice
from windlass.operations.rollout.announce import UpgradeAnnouncer, release_standings


class CatalogWatchOperator(BaseOperator):
    """Tells each cluster once of every tested release that it may move to: service log, notifiers, a record for pages.

    A cluster whose spec cannot be read is passed over, so that it keeps no other from being told.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**TASK_DEFAULTS, **options})

    def execute(self, context: Context) -> dict[str, list[str]]:
        """Return the versions that each cluster was told of now."""
        services = airflow_services()

        def notify(cluster: str, text: str) -> None:
            services.notify([Notice(cluster, text, is_alert=True)], context)

        with ending_on_permanent_errors():
            catalog, run = services.catalog, context["dag_run"]
            announcer = UpgradeAnnouncer(services.store, Owner(run.dag_id, run.run_id), notify)
            return announcer.announce(catalog, release_standings(services))
