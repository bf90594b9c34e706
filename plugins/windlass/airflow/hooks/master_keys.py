"""The master keys, from an Airflow connection of type windlass_master_key; of any other its password counts, too."""

from __future__ import annotations

from airflow.sdk import BaseHook

from windlass.airflow.connections import master_keys
from windlass.domain.sealing import MASTER_KEY_CONNECTION, MasterKeys
from windlass.errors import WindlassError


class MasterKeyHook(BaseHook):
    """Gives the keys that seal and open what the store holds."""

    conn_name_attr = "master_key_conn_id"
    default_conn_name = MASTER_KEY_CONNECTION
    conn_type = "windlass_master_key"
    hook_name = "Windlass master key"

    def __init__(self, master_key_conn_id: str = MASTER_KEY_CONNECTION) -> None:
        super().__init__()
        self.master_key_conn_id = master_key_conn_id

    def get_conn(self) -> MasterKeys:
        """Return the keys; SpecError if the connection is missing, RefusedError if it holds no master keys."""
        return master_keys(self.master_key_conn_id)

    def test_connection(self) -> tuple[bool, str]:
        """Tell whether these are master keys, by the names that tell nothing about them; Airflow's forms ask it."""
        try:
            first, *others = self.get_conn().keys
        except WindlassError as error:
            return False, str(error)
        older = f"; opening only: {', '.join(key.key_id for key in others)}" if others else ""
        return True, f"key {first.key_id} seals and opens{older}. Keep a copy of it where Airflow is not"
