"""The store, from an Airflow connection of type windlass_store, or aws."""

from __future__ import annotations

from airflow.sdk import BaseHook

from windlass.airflow.connections import STORE_CONNECTION, open_unchecked_store
from windlass.airflow.services import airflow_services
from windlass.effects.store import ClusterRecords, ServiceLog, Store
from windlass.effects.store.trial import try_store
from windlass.errors import WindlassError


class StoreHook(BaseHook):
    """Gives the bucket that a connection names, and what it knows of a cluster; nothing is asked of it before."""

    conn_name_attr = "store_conn_id"
    default_conn_name = STORE_CONNECTION
    conn_type = "windlass_store"
    hook_name = "Windlass store (S3)"

    def __init__(self, store_conn_id: str = STORE_CONNECTION) -> None:
        super().__init__()
        self.store_conn_id = store_conn_id

    def get_conn(self) -> Store:
        """Return the store; SpecError if the connection is missing or incomplete."""
        return airflow_services(self.store_conn_id).store

    def records(self, cluster: str) -> ClusterRecords:
        """Return what the store knows of a cluster."""
        return ClusterRecords(self.get_conn(), cluster)

    def service_log(self, cluster: str) -> ServiceLog:
        """Return a cluster's service log."""
        return ServiceLog(self.get_conn(), cluster)

    def test_connection(self) -> tuple[bool, str]:
        """Tell whether the bucket can be the store, and why not; Airflow's forms ask it. No key is needed for it."""
        try:
            return True, try_store(open_unchecked_store(self.store_conn_id))
        except WindlassError as error:
            return False, str(error)
