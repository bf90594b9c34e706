"""Delete the bundles that the spec no longer wants kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from windlass.domain.backup import BundleId, RetentionInputs, expired
from windlass.domain.spec.care import Backup
from windlass.effects.bundles import Vault


def expire(vault: Vault, backup: Backup, now: datetime) -> tuple[BundleId, ...]:
    """Delete what the rule lets go, and return it. The newest bundle whose manifest can be trusted always stays."""
    gone = expired(_held(vault, backup.pin), backup.retention, now)
    for bundle in gone:
        vault.delete(bundle)
    return gone


def _held(vault: Vault, pins: Iterable[str]) -> RetentionInputs:
    inventory = vault.inventory()
    pinned = {found for text in pins if (found := BundleId.find(text))}
    if newest := vault.newest_verified(inventory.bundles):
        pinned.add(newest.bundle)
    proven = vault.newest_proven(inventory.bundles)
    return RetentionInputs(
        inventory.bundles, inventory.incomplete, frozenset(pinned), frozenset({proven} if proven else ())
    )
