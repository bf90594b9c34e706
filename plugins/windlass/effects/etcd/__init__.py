"""The client of etcd, over TLS from memory, through tunnels."""

from windlass.effects.etcd.client import EtcdClient, EtcdCredentials, EtcdTarget
from windlass.effects.etcd.keyspace import Keyspace

__all__ = ["EtcdClient", "EtcdCredentials", "EtcdTarget", "Keyspace"]
