"""The etcd members of a cluster, through their hosts."""

from __future__ import annotations

from datetime import timedelta

from windlass.airflow.hooks.cluster import ClusterHook
from windlass.effects.etcd import EtcdClient
from windlass.effects.etcd.client import DEADLINE
from windlass.errors import TRANSIENT, UnreachableError
from windlass.operations.etcd.clients import etcd_member


class EtcdHook(ClusterHook):
    """Reaches the etcd members of a cluster by Windlass's own client certificate; close it, or use it in `with`."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the hosts that have a member."""
        return tuple(host.name for host in self.session.cluster.hosts_with("etcd"))

    def get_conn(self) -> EtcdClient:
        """Return a client of the first member that answers; UnreachableError says why each of them does not."""
        reasons = []
        for host in self.hosts:
            try:
                client = self.member(host)
                client.status()
            except TRANSIENT as error:
                reasons.append(str(error))
            else:
                return client
        raise UnreachableError(f"cluster {self.cluster}: no etcd member answers: {'; '.join(reasons)}")

    def member(self, host: str, deadline: timedelta = DEADLINE) -> EtcdClient:
        """Return a client of the member on `host`; whether it runs shows with the first call."""
        return self._opened.enter_context(etcd_member(self.session, self.pki, host, deadline))
