"""Whether a cluster was verified once: written by whatever verified it."""

from __future__ import annotations

from windlass.domain.apply.created import CreatedRecord
from windlass.domain.pki import Pki
from windlass.effects.store import ClusterRecords
from windlass.errors import NotReadyError
from windlass.operations.cluster import ClusterSession
from windlass.operations.etcd.observe import observe_etcd


def record_verified(records: ClusterRecords, session: ClusterSession, pki: Pki) -> None:
    """Store that the cluster was just verified, unless that is known of this cluster of etcd.

    NotReadyError if no member of etcd says which cluster it is of.
    """
    observation = observe_etcd(session, pki)
    if observation.cluster_id is None:
        reasons = "; ".join(observation.reasons.values()) or "none answered"
        raise NotReadyError(f"{session.cluster.name}: no member of etcd gives the cluster's id: {reasons}")
    etcd, known = f"{observation.cluster_id:x}", records.created()
    if known is None or known.etcd != etcd:
        records.save_created(CreatedRecord(session.clock.now(), etcd))
