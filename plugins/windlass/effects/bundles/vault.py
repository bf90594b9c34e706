"""The bundles and drill records of one cluster, in the store or in a bucket of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from windlass.domain.backup import (
    MANIFEST,
    STATE,
    BundleId,
    BundleManifest,
    BundleState,
    BundleTrust,
    Candidate,
    DrillRecord,
    Part,
    bundle_of_drill,
    parse_drill,
    parse_manifest,
)
from windlass.domain.sealing import MasterKeys
from windlass.effects.bundles.parts import opened, stored
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import bundle_key, bundles_prefix, drill_key, drills_prefix
from windlass.errors import IntegrityError


@dataclass(frozen=True)
class Inventory:
    """What a listing shows: bundles that are committed, and parts whose manifest is missing; both the oldest first."""

    bundles: tuple[BundleId, ...]
    incomplete: tuple[BundleId, ...]


@dataclass(frozen=True)
class Vault:
    """Bundles are written once and never changed. Every reading method raises IntegrityError with the reason."""

    store: Store
    cluster: str
    keys: MasterKeys = field(repr=False)

    def inventory(self) -> Inventory:
        """Return which bundles there are, by one listing."""
        found: dict[BundleId, set[str]] = defaultdict(set)
        prefix = bundles_prefix(self.cluster)
        for item in self.store.list(prefix):
            name, _, part = item.key.removeprefix(prefix).partition("/")
            if bundle := BundleId.find(name):
                found[bundle].add(part)
        complete = tuple(sorted(bundle for bundle, names in found.items() if MANIFEST in names))
        return Inventory(complete, tuple(sorted(set(found) - set(complete))))

    def manifest(self, bundle: BundleId) -> BundleManifest:
        """Return the manifest of a bundle; IntegrityError if there is none, or it is not to be trusted."""
        found = self.store.get(self._key(bundle, MANIFEST))
        if found is None:
            raise IntegrityError(f"{self.cluster}: bundle {bundle}: it has no {MANIFEST}, so that it is none")
        return parse_manifest(found.data, self.keys, self.cluster, bundle)

    def candidates(self, limit: int | None = None) -> tuple[Candidate, ...]:
        """Return the bundles, the newest first, each with how far it can be trusted; at most `limit`."""
        newest_first = self.inventory().bundles[::-1][:limit]
        drills = self.drills_by_bundle(frozenset(newest_first))
        return tuple(self._candidate(bundle, drills.get(bundle)) for bundle in newest_first)

    def _candidate(self, bundle: BundleId, last_drill: DrillRecord | None) -> Candidate:
        try:
            self.manifest(bundle)
        except IntegrityError as error:
            return Candidate(bundle, BundleTrust.REFUSED, str(error))
        if last_drill is None:
            return Candidate(bundle, BundleTrust.VERIFIED)
        return Candidate(
            bundle, BundleTrust.PROVEN if last_drill.is_proof else BundleTrust.DISPROVEN, last_drill.failure
        )

    @contextmanager
    def open_part(self, manifest: BundleManifest, name: str) -> Iterator[Iterator[bytes]]:
        """Give a part in clear, piece by piece; only when the iteration has ended is it known that all of it is true.

        Each piece was authenticated, so that what came before an IntegrityError is a true beginning.
        """
        key = self._key(manifest.bundle, name)
        with opened(self.store, key, self.keys, manifest.parts[name]) as pieces:
            yield pieces

    def state(self, manifest: BundleManifest) -> BundleState:
        """Return what the bundle holds besides the snapshot."""
        with self.open_part(manifest, STATE) as pieces:
            return BundleState.from_bytes(b"".join(pieces))

    def verify(self, manifest: BundleManifest) -> None:
        """Read all of a bundle, with flat memory; IntegrityError unless every byte is as its manifest says."""
        for name in manifest.parts:
            with self.open_part(manifest, name) as pieces:
                for _ in pieces:
                    pass

    def write_part(self, bundle: BundleId, name: str, source: BinaryIO) -> Part:
        """Compress, seal and store a part, read it back to the last byte, and return what to say of it."""
        key = self._key(bundle, name)
        part = stored(self.store, key, self.keys, source)
        with opened(self.store, key, self.keys, part) as pieces:
            for _ in pieces:
                pass
        return part

    def commit(self, manifest: BundleManifest) -> None:
        """Make a bundle of the parts that were written; IntegrityError if there is one of that id already."""
        key, data = self._key(manifest.bundle, MANIFEST), manifest.to_bytes(self.keys)
        if self.store.create(key, data) is None:
            there = self.store.get(key)
            # A write whose answer was lost is tried again, and then finds itself.
            if there is None or there.data != data:
                raise IntegrityError(f"{self.cluster}: there is a bundle {manifest.id} already; take another one")
        self.manifest(manifest.bundle)

    def delete(self, bundle: BundleId) -> None:
        """Remove a bundle: its manifest first, so that it is no bundle from then on."""
        self.store.delete(self._key(bundle, MANIFEST))
        for item in list(self.store.list(f"{bundles_prefix(self.cluster)}{bundle}/")):
            self.store.delete(item.key)

    def forget(self) -> tuple[str, ...]:
        """Remove every bundle and the records of drills, and return their keys: for a cluster that is gone for good."""
        prefixes = (bundles_prefix(self.cluster), drills_prefix(self.cluster))
        keys = tuple(item.key for prefix in prefixes for item in self.store.list(prefix))
        for key in keys:
            self.store.delete(key)
        return keys

    def save_drill(self, record: DrillRecord) -> None:
        """Store the record of a drill."""
        self.store.put(drill_key(self.cluster, record.id), record.to_bytes(self.keys))

    def drill_ids(self) -> tuple[str, ...]:
        """Return the ids of all drills, the oldest bundle's first."""
        names = self.store.list_names(drills_prefix(self.cluster))
        return tuple(name.removesuffix(".json") for name in names if bundle_of_drill(name) and name.endswith(".json"))

    def drill(self, drill: str) -> DrillRecord | None:
        """Return the record of a drill, or None if there is none."""
        found = self.store.get(drill_key(self.cluster, drill))
        return None if found is None else parse_drill(found.data, self.keys, self.cluster, drill)

    def newest_verified(self, bundles: Iterable[BundleId]) -> BundleManifest | None:
        """Return the manifest of the newest of `bundles` that can be trusted, or None if none can."""
        for bundle in sorted(bundles, reverse=True):
            try:
                return self.manifest(bundle)
            except IntegrityError:
                continue
        return None

    def newest_proven(self, bundles: Iterable[BundleId]) -> BundleId | None:
        """Return the newest of `bundles` that a drill proved, or None."""
        known = frozenset(bundles)
        for name in reversed(self.drill_ids()):
            bundle = bundle_of_drill(name)
            if bundle is None or bundle not in known:
                continue
            last = self.drills_by_bundle(frozenset([bundle])).get(bundle)
            if last is not None and last.is_proof:
                return bundle
        return None

    def drills_by_bundle(self, bundles: frozenset[BundleId]) -> dict[BundleId, DrillRecord]:
        """Return the last drill of each of `bundles` that told something of it; a damaged record tells nothing."""
        found: dict[BundleId, DrillRecord] = {}
        for name in self.drill_ids():  # sorted by time within each bundle
            bundle = bundle_of_drill(name)
            if bundle is None or bundle not in bundles:
                continue
            try:
                record = self.drill(name)
            except IntegrityError:
                continue
            if record is not None and (record.is_proof or record.disproves):
                found[bundle] = record
        return found

    def _key(self, bundle: BundleId, name: str) -> str:
        return bundle_key(self.cluster, str(bundle), name)
