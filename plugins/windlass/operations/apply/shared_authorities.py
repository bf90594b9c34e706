"""Whether the user's own authorities are this cluster's alone: looked at once, before the first certificate."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from windlass.domain.pki import Credential, Signer
from windlass.domain.pki.apart import refuse_shared_clusters, refuse_shared_purposes
from windlass.domain.pki.user_ca import references
from windlass.domain.spec import Cluster
from windlass.effects.store import ClusterRecords, list_clusters
from windlass.errors import UNREADABLE, RefusedError
from windlass.operations.apply.taken_addresses import readable_spec
from windlass.operations.run import ClusterRun

log = logging.getLogger(__name__)


def refuse_shared_authorities(run: ClusterRun, cluster: Cluster, given: Mapping[Signer, Credential]) -> None:
    """RefusedError if an authority of the user's has two purposes, or is another cluster's too.

    Of a cluster that has no certificates yet, the connection that its spec names decides. What cannot be read of
    another cluster is warned of, and holds up nothing.
    """
    if not given:
        return
    refuse_shared_purposes(given)
    for name in list_clusters(run.store):
        if name != run.name:
            _refuse_shared_with(run, name, cluster, given)


def _refuse_shared_with(run: ClusterRun, other: str, cluster: Cluster, given: Mapping[Signer, Credential]) -> None:
    records = ClusterRecords(run.store, other)
    try:
        theirs = records.pki(run.keys)
    except UNREADABLE as error:
        log.warning("whether `%s` trusts the given authorities cannot be told: %s", other, error)
        return
    if theirs is not None:
        refuse_shared_clusters(given, other, theirs.authorities)
    else:
        _refuse_same_connection(run, other, cluster)


def _refuse_same_connection(run: ClusterRun, other: str, cluster: Cluster) -> None:
    planned = readable_spec(run, other)
    named = set(references(planned).values()) if planned is not None else set()
    if both := sorted(named & set(references(cluster).values())):
        raise RefusedError(
            f"spec.pki.ca: the cluster `{other}`, which is not made yet, names the connection `{both[0]}` "
            "too; give each cluster authorities of its own"
        )
