"""Choose the bundle to restore, and read it to the last byte before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from windlass.domain.backup import NEWEST, BundleId, BundleManifest, Candidate, broken_off, choose, life_of
from windlass.domain.backup.versions import check_etcd
from windlass.domain.catalog import Release
from windlass.domain.recovery import is_of_one_cluster
from windlass.effects.bundles import Vault
from windlass.errors import IntegrityError

_FEW = 5


def choose_verified(vault: Vault, desired: str, tell: Callable[[str], None]) -> BundleManifest:
    """Return the manifest of the bundle that `wanted` names, once all of the bundle was read and found true.

    Where no certain one was named, one that is damaged is passed over for the next older; IntegrityError if it was
    named by its id. RefusedError if there is none, or if etcd started over before it was taken: then somebody must say
    which of the two lives is wanted.
    """
    candidates = list(_candidates(vault, desired))
    while True:
        chosen = choose(desired, candidates, vault.cluster)
        try:
            manifest = vault.manifest(chosen.bundle)
            if BundleId.find(desired) is None:
                check_continuity(vault, manifest)
            vault.verify(manifest)
        except IntegrityError as error:
            if BundleId.find(desired) is not None:
                raise
            tell(f"bundle {chosen.bundle} is passed over: {error}")
            candidates.remove(chosen)
            continue
        return manifest


def check_versions(vault: Vault, manifest: BundleManifest, release: Release) -> None:
    """RefusedError if the bundle's data is of a newer etcd than the release's; it names the last one that is not."""
    older = [bundle for bundle in vault.inventory().bundles if bundle < manifest.bundle]
    check_etcd(release, manifest, _readable(vault, reversed(older)))


def _candidates(vault: Vault, desired: str) -> tuple[Candidate, ...]:
    """Return all bundles; if simply the newest is wanted, the last few will do, unless none of them is good."""
    few = vault.candidates(_FEW) if desired == NEWEST else ()
    return few if any(one.is_good for one in few) else vault.candidates()


def check_continuity(vault: Vault, chosen: BundleManifest) -> None:
    """Raise RefusedError if older bundles are of the same cluster, and of data that it had lost by then.

    Mostly the oldest bundle is of the same life as the chosen one, and no other has to be looked at.
    """
    older = [bundle for bundle in vault.inventory().bundles if bundle < chosen.bundle]
    oldest = next(_readable(vault, older), None)
    if oldest is None or life_of(oldest) == life_of(chosen):
        return
    before = next(one for one in _readable(vault, reversed(older)) if life_of(one) != life_of(chosen))
    pki = vault.state(chosen).pki
    try:
        is_former_cluster = not is_of_one_cluster(vault.state(before).pki, pki)
    except IntegrityError:
        is_former_cluster = False
    if not is_former_cluster:
        raise broken_off(before, chosen)


def _readable(vault: Vault, bundles: Iterable[BundleId]) -> Iterator[BundleManifest]:
    for bundle in bundles:
        try:
            yield vault.manifest(bundle)
        except IntegrityError:
            continue
