"""Telling clusters of newer releases."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator, Context

from windlass.airflow.connections import open_store
from windlass.airflow.errors import TASK_DEFAULTS, ending_on_permanent_errors
from windlass.airflow.notifications import Notice, send
from windlass.airflow.run_context import templates_directory
from windlass.domain.lease import Owner
from windlass.effects.catalog import catalog_standing, load_catalog
from windlass.operations.rollout.announce import UpgradeAnnouncer


class CatalogWatchOperator(BaseOperator):
    """Tells each cluster once of every tested release that it may move to: service log, notifiers, a record for pages.

    A cluster whose spec cannot be read is passed over, so that it keeps no other from being told.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**TASK_DEFAULTS, **options})

    def execute(self, context: Context) -> dict[str, list[str]]:
        """Return the versions that each cluster was told of now."""

        def notify(cluster: str, text: str) -> None:
            send([Notice(cluster, text, is_alert=True)], context)

        with ending_on_permanent_errors():
            directory, run = templates_directory(), context["dag_run"]
            catalog = load_catalog(directory)
            standings = {version: catalog_standing(directory, release) for version, release in catalog.releases.items()}
            return UpgradeAnnouncer(open_store(), Owner(run.dag_id, run.run_id), notify).announce(catalog, standings)
