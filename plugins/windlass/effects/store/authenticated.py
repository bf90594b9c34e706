"""A store of which every object is the one that Windlass wrote there last, or is refused.

It stands before another store and keeps the same contract, so that whoever reads and writes documents knows nothing of
it. Each object carries what proves it (`windlass.domain.authenticity`); nothing is asked of the store besides, but for
the installation once, and for a cluster's ledger once, and again where something is amiss or is written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import BinaryIO

from windlass.domain.authenticity import Authenticated, KnownStore, Ledger, Place, RecordKeys, open_envelope, place_of
from windlass.domain.authenticity.ledger import moment_of, next_generation
from windlass.domain.authenticity.place import CATALOG_CLUSTER, ledger_place
from windlass.domain.sealing import MasterKeys
from windlass.effects.store.contract import ListedObject, Store, Stored
from windlass.effects.store.installation import installation_of
from windlass.effects.store.ledgers import Ledgers
from windlass.errors import IntegrityError, NotReadyError

_ROUNDS = 10
_CLOCKS = timedelta(minutes=5)
"""How far the clocks of two writers may be apart; an object without a ledger that is older still was put back."""


def _now() -> datetime:
    return datetime.now(UTC)


class AuthenticatedStore:
    """Objects that are signed, and some sealed; one instance may serve many threads. See Store for the contract.

    Besides what a store raises, every method raises IntegrityError that names the object where it is not what was
    written there last. Streams are of bundles, which prove themselves.
    """

    def __init__(self, inner: Store, load_keys: Callable[[], RecordKeys], now: Callable[[], datetime] = _now) -> None:
        self._inner = inner
        self._load_keys = load_keys
        self._now = now
        self._newest: dict[str, int] = {}
        self._lock = threading.RLock()

    @classmethod
    def by(cls, inner: Store, masters: MasterKeys) -> AuthenticatedStore:
        """Return a store whose objects the master keys sign."""
        return cls(inner, lambda: RecordKeys.of(masters))

    @cached_property
    def keys(self) -> RecordKeys:
        """The keys, read when they are first needed."""
        return self._load_keys()

    @cached_property
    def installation(self) -> str:
        """The id of this store; RefusedError if it is one of before, and says how it is brought over."""
        return installation_of(self._inner, self.keys, self._next("", 0))

    @cached_property
    def ledgers(self) -> Ledgers:
        """The ledgers of its clusters; RefusedError if it is a store of before."""
        # A new one has no id yet for whoever only reads: there is nothing that it would be asked of.
        with suppress(NotReadyError):
            _ = self.installation
        return Ledgers(self._inner, self.keys, lambda: self.installation, self._now)

    def known(self, cluster: str, *, is_fresh: bool = False) -> KnownStore:
        """Return what hosts of a cluster are compared with, as it was last read, or is now."""
        for one in (cluster, CATALOG_CLUSTER):
            self.ledgers.read(one, is_fresh=is_fresh)
        ledger, catalog = self.ledgers.read(cluster) or Ledger(), self.ledgers.generation(CATALOG_CLUSTER)
        return KnownStore(self.installation, cluster, ledger, catalog, self.keys)

    def get(self, key: str) -> Stored | None:
        """See Store."""
        place = place_of(key)
        if place is None:
            return self._inner.get(key)
        if place.is_guarded:
            return self._guarded(place)
        stored = self._inner.get(key)
        if stored is None:
            return None
        found = self._opened(place, stored)
        oldest = self._newest.get(key, 0) - _CLOCKS / timedelta(milliseconds=1)
        if found.generation < oldest:
            raise IntegrityError(
                f"{place}: an older one was put back: it is of {moment_of(found.generation)}, and one of "
                f"{moment_of(self._newest[key])} was read before; see who writes to the bucket, and the workers' clocks"
            )
        self._newest[key] = max(found.generation, self._newest.get(key, 0))
        return Stored(found.body, stored.tag)

    def put(self, key: str, data: bytes) -> str:
        """See Store."""
        tag = self._write(key, data, lambda sealed: self._inner.put(key, sealed))
        assert tag is not None  # noqa: S101 (an unconditional write happens, or raises)
        return tag

    def create(self, key: str, data: bytes) -> str | None:
        """See Store."""
        tag = self._write(key, data, lambda sealed: self._inner.create(key, sealed))
        if tag is None and self.get(key) is None:
            self._inner.delete(key)  # one that was removed, and is there still, or again
            tag = self._write(key, data, lambda sealed: self._inner.create(key, sealed))
        return tag

    def replace(self, key: str, data: bytes, tag: str) -> str | None:
        """See Store."""
        return self._write(key, data, lambda sealed: self._inner.replace(key, sealed, tag))

    def create_from(self, key: str, source: BinaryIO) -> bool:
        """See Store."""
        return self._inner.create_from(_streamed(key), source)

    def open(self, key: str) -> AbstractContextManager[BinaryIO | None]:
        """See Store."""
        return self._inner.open(_streamed(key))

    def delete(self, key: str) -> None:
        """See Store."""
        place = place_of(key)
        if place is not None and place.is_guarded:
            with self._lock:
                self.ledgers.remove(place)
                self._inner.delete(key)
        else:
            self._inner.delete(key)

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """See Store; IntegrityError if something is missing below a folder of guarded objects."""
        place = place_of(f"{prefix}-" if prefix.endswith("/") else prefix)
        if place is None or not place.is_guarded:
            return self._inner.list(prefix)
        for is_fresh in (False, True):
            ledger = self.ledgers.read(place.cluster, is_fresh=is_fresh) or Ledger()
            found = list(self._inner.list(prefix))
            missing = sorted(ledger.living(prefix) - {item.key for item in found})
            if not missing:
                return iter(found)
        ledger.check(Place(place.cluster, place.kind, missing[0]), None)
        raise AssertionError("what is missing is refused")

    def list_names(self, prefix: str) -> tuple[str, ...]:
        """See Store."""
        return self._inner.list_names(prefix)

    def _guarded(self, place: Place) -> Stored | None:
        problem: IntegrityError | None = None
        # The ledger is read before the object, so that it is never ahead of it; once more, as either may have changed.
        for is_fresh in (False, True):
            ledger = self.ledgers.read(place.cluster, is_fresh=is_fresh)
            stored = self._inner.get(place.key)
            found = None if stored is None else self._opened(place, stored)
            try:
                return _known(place, ledger, stored, found)
            except IntegrityError as error:
                problem = error
        assert problem is not None  # noqa: S101 (nothing else ends a round without a result)
        raise problem

    def _opened(self, place: Place, stored: Stored) -> Authenticated:
        return open_envelope(stored.data, place, self.keys, self.installation)

    def _write(self, key: str, data: bytes, write: Callable[[bytes], str | None]) -> str | None:
        place = place_of(key)
        if place is None:
            return write(data)
        if not place.is_guarded:
            generation = self._next(key, 0)
            tag = write(self._sealed(place, data, generation))
            if tag is not None:
                self._newest[key] = generation
            return tag
        with self._lock:  # one ledger for all threads: they would only lose races to each other
            return self._write_guarded(place, data, write)

    def _write_guarded(self, place: Place, data: bytes, write: Callable[[bytes], str | None]) -> str | None:
        ledger = self.ledgers.begun(place.cluster)
        for _ in range(_ROUNDS):
            generation = self._next(place.key, ledger.generation(place.key))
            tag = write(self._sealed(place, data, generation))
            if tag is None or self.ledgers.record(place, generation):
                return tag
            # Somebody else wrote the same object meanwhile, and ours lies there with a lower generation.
            ledger = self.ledgers.begun(place.cluster)
        raise NotReadyError(f"{place}: others wrote it {_ROUNDS} times at the same moment")

    def _sealed(self, place: Place, data: bytes, generation: int) -> bytes:
        return Authenticated.at(place, self.installation, generation, data).to_bytes(place, self.keys)

    def _next(self, key: str, known: int) -> int:
        return next_generation(self._now(), max(known, self._newest.get(key, 0)))


def _known(place: Place, ledger: Ledger | None, stored: Stored | None, found: Authenticated | None) -> Stored | None:
    if stored is None or found is None:
        if ledger is not None:
            ledger.check(place, None)
        return None
    if ledger is None:
        raise IntegrityError(
            f"{place}: {place.owner} has no ledger, {ledger_place(place.cluster).key}, which says that nothing older "
            f"was put back; put its last version back (versions of the bucket); if all is right, `{place.accepting}`"
        )
    if ledger.is_gone(place.key, found.generation):
        return None
    ledger.check(place, found.generation)
    return Stored(found.body, stored.tag)


def _streamed(key: str) -> str:
    if place_of(key) is not None:
        raise ValueError(f"{key}: only bundles are read and written as streams")
    return key
