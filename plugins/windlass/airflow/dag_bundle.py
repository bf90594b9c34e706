"""The DAG bundle that holds Windlass's DAGs, wherever the package is installed."""

from __future__ import annotations

from typing import Any

from airflow.dag_processing.bundles.local import LocalDagBundle

from windlass.effects.packaged import dags_directory


class WindlassDagBundle(LocalDagBundle):
    """Gives Airflow the DAG files of the package, for `[dag_processor] dag_bundle_config_list`.

    They change with the package alone, so that there is nothing to refresh.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(path=str(dags_directory()), **settings)
