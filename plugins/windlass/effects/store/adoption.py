"""Bringing a store over that nobody signed, and accepting one that was put back: by a person's word alone."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from windlass.domain.authenticity import Authenticated, Ledger, Place, RecordKeys, open_envelope, place_of
from windlass.domain.authenticity.envelope import is_envelope
from windlass.domain.authenticity.ledger import PKI_KIND, moment_of, next_generation
from windlass.domain.authenticity.place import ACCEPTED, CATALOG_CLUSTER, CLUSTERS, LEDGER, PUBLISHED, ledger_place
from windlass.domain.backup.drills import parse_drill
from windlass.domain.sealing import MasterKeys, unseal_bytes
from windlass.effects.store.authenticated import AuthenticatedStore
from windlass.effects.store.contract import Store, Stored
from windlass.effects.store.installation import make_installation, read_installation
from windlass.effects.store.keys import cluster_prefix, pki_key, spec_key
from windlass.errors import IntegrityError, NotReadyError, RefusedError


@dataclass(frozen=True)
class AcceptedObject:
    """An object that was taken as it was found."""

    key: str
    what: str
    """What was found: in a word or two, for the list and the service log."""

    def __str__(self) -> str:
        return f"{self.key} ({self.what})"


@dataclass(frozen=True)
class Adoption:
    """A person's word that what lies in a store is right. Nothing else may write to the store meanwhile."""

    store: Store
    """The store as it is, without what checks it."""
    masters: MasterKeys = field(repr=False)
    now: Callable[[], datetime]

    @property
    def keys(self) -> RecordKeys:
        """The keys that sign."""
        return RecordKeys.of(self.masters)

    def sign(self) -> tuple[str, tuple[AcceptedObject, ...]]:
        """Sign all of a store that has no installation id, and give it one; return it, and what was accepted.

        RefusedError if the store has one: from then on nothing unsigned is accepted. What broke off goes on.
        """
        keys, objects = self.keys, self._objects()
        installation = self._begun(objects) or uuid.uuid4().hex
        accepted = self._acceptable(objects)
        for place, stored, _ in accepted:
            self._replace(place, stored, stored.data, (installation, next_generation(self.now(), 0), keys))
        for cluster in sorted({place.cluster for place, _ in objects if place.cluster} - self._with_ledgers()):
            self._write_ledger(cluster, self._listed(cluster, installation, keys), installation)
        # Last: until then whatever reads the store refuses it.
        given = make_installation(self.store, keys, installation, next_generation(self.now(), 0))
        return given, tuple(one for _, _, one in accepted)

    def unsigned(self) -> tuple[AcceptedObject, ...]:
        """Return what `sign` would accept now; RefusedError as there."""
        return tuple(one for _, _, one in self._acceptable(self._objects()))

    def _acceptable(self, objects: Sequence[tuple[Place, Stored]]) -> list[tuple[Place, Stored, AcceptedObject]]:
        if self._with_ledgers():
            # All was signed before the first ledger was written: only the id is missing, and what is not signed is new.
            return []
        return [(place, stored, one) for place, stored in objects if (one := self._accepted(place, stored))]

    def _with_ledgers(self) -> set[str]:
        """Return the clusters that have a ledger."""
        names = [name.removesuffix("/") for name in self.store.list_names(CLUSTERS)]
        return {name for name in names if LEDGER in self.store.list_names(cluster_prefix(name))}

    def _objects(self) -> list[tuple[Place, Stored]]:
        if found := read_installation(self.store, self.keys):
            raise RefusedError(
                f"this store is the installation {found} and is signed already; what is not signed in it was put there "
                "by somebody else: `windlass store check` lists it"
            )
        return [(place, stored) for place in self._places() if (stored := self.store.get(place.key)) is not None]

    def accept(self, cluster: str) -> tuple[AcceptedObject, ...]:
        """Take what is signed of a cluster as its newest state, what is missing as removed; return all that changed.

        Of no cluster: of the catalog.
        """
        keys = self.keys
        installation = read_installation(self.store, keys)
        if installation is None:
            raise RefusedError("the store has no installation id; see `windlass store sign`")
        old = self._old_ledger(cluster, installation, keys)
        accepted, ledger = [], Ledger()
        for place in self._guarded(cluster):
            stored = self.store.get(place.key)
            if stored is None:
                continue
            found = open_envelope(stored.data, place, keys, installation)
            generation = next_generation(self.now(), max(found.generation, old.newest))
            if old.generation(place.key) != found.generation or old.is_gone(place.key, found.generation):
                accepted.append(AcceptedObject(place.key, f"of {moment_of(found.generation)}"))
            self._replace(place, stored, found.body, (installation, generation, keys))
            ledger = ledger.with_written(place.key, generation)
        # Those that hosts remember are written down in any case.
        expected = old.living("") | ({spec_key(cluster), pki_key(cluster)} if cluster else set())
        accepted += [AcceptedObject(key, "removed") for key in sorted(old.living("") - set(ledger.entries))]
        for key in sorted((expected | set(old.entries)) - set(ledger.entries)):
            ledger = ledger.with_removed(key, next_generation(self.now(), old.generation(key)))
        self._write_ledger(cluster, ledger, installation)
        return tuple(accepted)

    def _places(self) -> Iterator[Place]:
        for prefix in (CLUSTERS, PUBLISHED, ACCEPTED):
            for item in list(self.store.list(prefix)):
                place = place_of(item.key)
                if place is not None and place.kind != "ledger":
                    yield place

    def _guarded(self, cluster: str) -> Sequence[Place]:
        places = (place_of(item.key) for item in list(self.store.list(ledger_place(cluster).folder)))
        return [place for place in places if place is not None and place.is_guarded]

    def _begun(self, objects: Sequence[tuple[Place, Stored]]) -> str | None:
        """Return the installation of what is signed already: a try before may have died, or its id was deleted."""
        signed = [(place, stored) for place, stored in objects if is_envelope(stored.data)]
        found = {open_envelope(stored.data, place, self.keys, None).installation for place, stored in signed}
        if len(found) > 1:
            raise IntegrityError(f"the store has objects of several installations: {', '.join(sorted(found))}")
        return next(iter(found), None)

    def _accepted(self, place: Place, stored: Stored) -> AcceptedObject | None:
        """Return an object that is to be signed; None if it is already, or proves to be wrong."""
        if is_envelope(stored.data) or not self._is_true(place, stored.data):
            return None
        return AcceptedObject(place.key, f"{len(stored.data)} bytes")

    def _is_true(self, place: Place, data: bytes) -> bool:
        """Tell whether what proves itself does; a record of a drill that does not stays unsigned, and says nothing.

        No release wrote an accepted lock there without signing it.
        """
        if place.key.startswith(ACCEPTED):
            return False
        if place.kind == PKI_KIND:
            unseal_bytes(data, self.masters, place.key)
        if place.kind != "drills":
            return True
        try:
            parse_drill(data, self.masters, place.cluster, place.key.rpartition("/")[2].removesuffix(".json"))
        except IntegrityError:
            return False
        return True

    def _replace(self, place: Place, stored: Stored, body: bytes, made: tuple[str, int, RecordKeys]) -> None:
        installation, generation, keys = made
        data = Authenticated.at(place, installation, generation, body).to_bytes(place, keys)
        if self.store.replace(place.key, data, stored.tag) is None:
            raise NotReadyError(
                f"{place}: somebody wrote it just now; stop whatever works with the store, and try again"
            )

    def _listed(self, cluster: str, installation: str, keys: RecordKeys) -> Ledger:
        ledger = Ledger()
        for place in self._guarded(cluster):
            if (stored := self.store.get(place.key)) is not None:
                found = open_envelope(stored.data, place, keys, installation)
                ledger = ledger.with_written(place.key, found.generation)
        return ledger

    def _old_ledger(self, cluster: str, installation: str, keys: RecordKeys) -> Ledger:
        place = ledger_place(cluster)
        stored = self.store.get(place.key)
        return Ledger() if stored is None else Ledger.of(open_envelope(stored.data, place, keys, installation).body)

    def _write_ledger(self, cluster: str, ledger: Ledger, installation: str) -> None:
        place, stored = ledger_place(cluster), self.store.get(ledger_place(cluster).key)
        known = ledger.newest
        if stored is not None:
            known = max(known, open_envelope(stored.data, place, self.keys, installation).generation)
        generation = next_generation(self.now(), known)
        data = Authenticated.at(place, installation, generation, ledger.to_bytes()).to_bytes(place, self.keys)
        self.store.put(place.key, data)


def problems_of(store: AuthenticatedStore, raw: Store) -> tuple[str, ...]:
    """Return what is wrong with the objects of a store, each in a line; RefusedError if it is one of before."""
    found = []
    folders = [f"{CLUSTERS}{name}" for name in raw.list_names(CLUSTERS) if name.endswith("/")]
    for key in [item.key for folder in (*folders, PUBLISHED, ACCEPTED) for item in raw.list(folder)]:
        found += _problem(store, key)
    clusters = [folder.removeprefix(CLUSTERS).removesuffix("/") for folder in folders]
    for cluster in (*clusters, CATALOG_CLUSTER):
        ledger = store.ledgers.read(cluster) or Ledger()
        there = {item.key for item in raw.list(ledger_place(cluster).folder)}
        found += [line for key in sorted(ledger.living("") - there) for line in _problem(store, key)]
    return tuple(found)


def _problem(store: AuthenticatedStore, key: str) -> list[str]:
    if place_of(key) is None:
        return []
    try:
        store.get(key)
    except IntegrityError as error:
        return [str(error)]
    return []
