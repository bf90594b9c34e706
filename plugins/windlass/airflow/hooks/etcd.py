"""The etcd members of a cluster, through their hosts."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta

from airflow.sdk import BaseHook

from windlass.domain.pki import Pki
from windlass.effects.etcd import EtcdClient
from windlass.effects.etcd.client import DEADLINE
from windlass.operations.cluster import ClusterSession
from windlass.operations.etcd.clients import etcd_member


class EtcdHook(BaseHook):
    """Reaches each etcd member of a cluster by Windlass's own client certificate."""

    def __init__(self, session: ClusterSession, pki: Pki) -> None:
        super().__init__()
        self.session = session
        self.pki = pki

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the hosts that have a member."""
        return tuple(host.name for host in self.session.cluster.hosts_with("etcd"))

    def member(self, host: str, deadline: timedelta = DEADLINE) -> AbstractContextManager[EtcdClient]:
        """Give a client of the member on `host`."""
        return etcd_member(self.session, self.pki, host, deadline)
