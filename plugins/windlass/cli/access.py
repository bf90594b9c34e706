"""Access to a cluster for a person: a client certificate that soon expires, and the kubeconfig around it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from windlass.domain.pki import Credential, Pki, short_lived_admin, user_kubeconfig
from windlass.domain.sealing import MasterKeys
from windlass.domain.secret import Secret
from windlass.domain.spec import Cluster, load_cluster
from windlass.effects.store import ClusterRecords, Store, list_clusters
from windlass.errors import SpecError


@dataclass(frozen=True)
class Access:
    """What a person needs to use a cluster: whom to trust, and who they are."""

    cluster: Cluster
    pki: Pki
    user: str
    credential: Credential

    @property
    def kubeconfig(self) -> Secret:
        """The kubeconfig, with everything in it."""
        return user_kubeconfig(self.cluster, self.pki, self.user, self.credential)


def grant_access(store: Store, keys: MasterKeys, name: str, user: str, life: timedelta) -> Access:
    """Issue a client certificate for a cluster that the store knows; SpecError if it knows none of that name."""
    records = ClusterRecords(store, name)
    text, pki = records.spec(), records.pki(keys)
    if text is None or pki is None:
        known = ", ".join(list_clusters(store)) or "none"
        raise SpecError(f"the store has no cluster `{name}` with certificates (clusters: {known})")
    cluster = load_cluster(text, f"stored spec of {name}")
    return Access(cluster, pki, user, short_lived_admin(pki, user, datetime.now(UTC), life))
