"""The store: the only state of Windlass outside the hosts, in an S3 bucket."""

from windlass.domain.rollout.record import Pause, RolloutRecord
from windlass.effects.store.adoption import AcceptedObject, Adoption, problems_of
from windlass.effects.store.authenticated import AuthenticatedStore
from windlass.effects.store.contract import ListedObject, Store, Stored
from windlass.effects.store.guarded import GuardedStore
from windlass.effects.store.host_keys import AcceptedHostKey, HostKeys
from windlass.effects.store.lease_hold import LeaseHold
from windlass.effects.store.leases import Leases, RunLease
from windlass.effects.store.log import ServiceLog
from windlass.effects.store.memory import MemoryStore
from windlass.effects.store.noting import NotingStore, noting_together
from windlass.effects.store.records import ClusterRecords, list_clusters
from windlass.effects.store.s3 import S3Store, StoreConfig
from windlass.effects.store.summarize import Summarizer
from windlass.effects.store.unverified import UnverifiedStore

__all__ = [
    "AcceptedHostKey",
    "AcceptedObject",
    "Adoption",
    "AuthenticatedStore",
    "ClusterRecords",
    "GuardedStore",
    "HostKeys",
    "LeaseHold",
    "Leases",
    "ListedObject",
    "MemoryStore",
    "NotingStore",
    "Pause",
    "RolloutRecord",
    "RunLease",
    "S3Store",
    "ServiceLog",
    "Store",
    "StoreConfig",
    "Stored",
    "Summarizer",
    "UnverifiedStore",
    "list_clusters",
    "noting_together",
    "problems_of",
]
