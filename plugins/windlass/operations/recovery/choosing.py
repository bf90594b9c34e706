"""Choose the bundle to restore, and read it to the last byte before anything is touched."""

from __future__ import annotations

from collections.abc import Callable

from windlass.domain.backup import NEWEST, BundleId, Candidate, Manifest, choose
from windlass.effects.bundles import Vault
from windlass.errors import IntegrityError

_FEW = 5


def choose_verified(vault: Vault, wanted: str, tell: Callable[[str], None]) -> Manifest:
    """Return the manifest of the bundle that `wanted` names, once all of the bundle was read and found true.

    Where no certain one was named, one that is damaged is passed over for the next older; IntegrityError if it was
    named by its id, RefusedError if there is none.
    """
    candidates = list(_candidates(vault, wanted))
    while True:
        chosen = choose(wanted, candidates, vault.cluster)
        try:
            manifest = vault.manifest(chosen.bundle)
            vault.verify(manifest)
        except IntegrityError as error:
            if BundleId.find(wanted) is not None:
                raise
            tell(f"bundle {chosen.bundle} is passed over: {error}")
            candidates.remove(chosen)
            continue
        return manifest


def _candidates(vault: Vault, wanted: str) -> tuple[Candidate, ...]:
    """Return all bundles; if simply the newest is wanted, the last few will do, unless none of them is good."""
    few = vault.candidates(_FEW) if wanted == NEWEST else ()
    return few if any(one.is_good for one in few) else vault.candidates()
