"""The cluster's etcd members, each through a tunnel to its own host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from windlass.domain.host.layout import ETCD_CLIENT_PORT
from windlass.domain.pki import Pki
from windlass.domain.rendering.context import own_flags
from windlass.domain.spec.models import Cluster
from windlass.effects.etcd import EtcdClient, EtcdCredentials, EtcdTarget
from windlass.effects.etcd.client import DEADLINE
from windlass.operations.cluster import ClusterSession


@contextmanager
def etcd_member(session: ClusterSession, pki: Pki, host: str, deadline: timedelta = DEADLINE) -> Iterator[EtcdClient]:
    """Give a client of the member on `host`; whether it runs shows with the first call.

    UnreachableError if there is no way to the host.
    """
    with session.connections.get(host).forward("127.0.0.1", ETCD_CLIENT_PORT) as forward:
        address, port = forward.address
        with EtcdClient(EtcdTarget(host, address, port), EtcdCredentials.of(pki), deadline) as client:
            yield client


def etcd_prefix(cluster: Cluster) -> str:
    """Return below which key the API servers keep everything."""
    return "/" + own_flags("kube-apiserver", cluster).get("etcd-prefix", "registry").strip("/")
