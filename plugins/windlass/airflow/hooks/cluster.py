"""What the hooks of one cluster share: its spec and keys from the store, and its hosts by SSH."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Self

from airflow.sdk import BaseHook

from windlass.airflow.connections import STORE_CONNECTION
from windlass.airflow.run_context import RunContext
from windlass.airflow.services import airflow_services
from windlass.domain.lease import Owner
from windlass.domain.pki import Pki
from windlass.effects.ssh.connection import Connection
from windlass.operations.cluster import ClusterSession


class ClusterHook(BaseHook):
    """Reaches a cluster that the store knows; close it, or use it in `with`: what was connected ends then.

    Reading needs no lease. Whoever changes a cluster by it does so beside Windlass's own operations.
    """

    conn_name_attr = "store_conn_id"
    default_conn_name = STORE_CONNECTION

    def __init__(self, store_conn_id: str = STORE_CONNECTION, *, cluster: str) -> None:
        super().__init__()
        self.store_conn_id = store_conn_id
        self.cluster = cluster
        self._opened = ExitStack()

    @cached_property
    def session(self) -> ClusterSession:
        """The cluster at work: its spec, release and hosts; SpecError if the store does not know it."""
        return self._opened.enter_context(self._stored.session(self._stored.cluster()))

    @cached_property
    def pki(self) -> Pki:
        """The cluster's certificates and keys; NotReadyError if they were not made yet."""
        return self._stored.pki()

    @cached_property
    def _stored(self) -> RunContext:
        nobody = Owner("hook", "none")  # it takes no lease and writes no log
        return RunContext(self.cluster, nobody, lambda _: None, airflow_services(self.store_conn_id))

    def connection(self, host: str) -> Connection:
        """Return the SSH connection to a host of the cluster; UnreachableError if it does not answer."""
        return self.session.connections.get(host)

    def close(self) -> None:
        """End everything that was connected; the next use connects again."""
        self._opened.close()
        self.__dict__.pop("session", None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
