"""What a person does to the store as a whole: bring it over, accept what was put back, put a lost PKI back.

All of it is written to the service logs of the clusters that it is about, with the objects by name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from windlass.domain.sealing import MasterKeys
from windlass.domain.servicelog import Event
from windlass.domain.spec import load_cluster
from windlass.effects.clock import SYSTEM_CLOCK, Clock
from windlass.effects.store import AcceptedObject, Adoption, ClusterRecords, ServiceLog, Store
from windlass.effects.store.keys import CLUSTERS, pki_key, spec_key
from windlass.errors import RefusedError

_COMMAND = "windlass store"


@dataclass(frozen=True)
class StoreRepair:
    """A person at work with a store."""

    store: Store
    """As it is, without what checks it."""
    masters: MasterKeys = field(repr=False)
    person: str
    clock: Clock = SYSTEM_CLOCK

    def unsigned(self) -> tuple[AcceptedObject, ...]:
        """Return what `sign` would accept; RefusedError if the store is signed."""
        return self._adoption.unsigned()

    def sign(self) -> tuple[str, tuple[AcceptedObject, ...]]:
        """Sign all of an unsigned store, and return its new id and what was accepted; RefusedError if it is signed."""
        installation, accepted = self._adoption.sign()
        by_cluster = defaultdict(list)
        for one in accepted:
            if one.key.startswith(CLUSTERS):
                by_cluster[one.key.removeprefix(CLUSTERS).partition("/")[0]].append(one)
        for cluster, objects in by_cluster.items():
            text = f"the store was signed as the installation {installation}, and this cluster taken as it was found"
            self._log(cluster, "sign", text, objects)
        return installation, accepted

    def accept(self, cluster: str) -> tuple[AcceptedObject, ...]:
        """Take what is signed of a cluster, or the catalog, as its newest state; return what is another than was known.

        What the catalog has is for all clusters, and all hear of it.
        """
        accepted = self._adoption.accept(cluster)
        what = "this cluster" if cluster else "the catalog"
        folders = [cluster] if cluster else [name.removesuffix("/") for name in self.store.list_names(CLUSTERS)]
        for name in folders:
            self._log(name, "accept", f"what the store has of {what} was accepted as its newest state", accepted)
        return accepted

    def restore_pki(self, records: ClusterRecords, sealed: bytes) -> None:
        """Store a host's copy of the PKI; RefusedError if the store has one, IntegrityError if the copy is no good."""
        pki = records.open_pki(sealed, self.masters)
        if records.recoverable_pki(self.masters) is not None:
            raise RefusedError(f"the store has a PKI of `{records.cluster}`, which stays; nothing was changed")
        records.save_pki(pki, self.masters)
        found = AcceptedObject(pki_key(records.cluster), "from a host's copy")
        self._log(records.cluster, "restore-pki", "the PKI was put back from a host's copy", [found])

    def write_spec(self, records: ClusterRecords, text: str, filename: str) -> bool:
        """Store a corrected spec in the place of that of a cluster, hosts stay as they are; False if it is stored so.

        SpecError with every problem of it by line; RefusedError if it is of another cluster, or of none that is stored.
        """
        name = load_cluster(text, filename).name
        if name != records.cluster or records.spec_bytes() is None:
            told = f"it is of `{name}`" if name != records.cluster else "the store has no spec of that cluster"
            raise RefusedError(f"{filename}: {told}, and nothing was changed; give the spec of a cluster that is there")
        if not records.save_spec(text):
            return False
        self._log(name, "spec", "the stored spec was corrected", [AcceptedObject(spec_key(name), "corrected")])
        return True

    @property
    def _adoption(self) -> Adoption:
        return Adoption(self.store, self.masters, self.clock.now)

    def _log(self, cluster: str, what: str, text: str, objects: Sequence[AcceptedObject]) -> None:
        event = Event(
            time=self.clock.now(),
            operation=f"{_COMMAND} {what}",
            text=f"{text}, by {self.person}: {len(objects)} objects",
            level="warning",
            details={"objects": [str(one) for one in objects]},
        )
        ServiceLog(self.store, cluster).append(event, writer="windlass-store")
