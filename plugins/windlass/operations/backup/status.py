"""How backups of a cluster stand: the newest bundle, the last attempt, and what was last told about missing ones."""

from __future__ import annotations

import json
from datetime import datetime

from windlass.domain.backup import BundleId
from windlass.domain.backup.fixed_point import BackupState
from windlass.domain.backup.schedule import TELL_AGAIN_AFTER, BackupProgress, age_text
from windlass.domain.lease import Lease
from windlass.effects.bundles import Vault
from windlass.effects.store import Store
from windlass.effects.store.keys import backup_alert_key


def progress_of(vault: Vault, attempt: Lease | None) -> BackupProgress:
    """Return how far backups have come; `attempt` is the lease of backups as it was last held."""
    bundles = vault.inventory().bundles
    return BackupProgress(bundles[-1].time if bundles else None, attempt.acquired if attempt else None)


def backup_state(vault: Vault) -> BackupState:
    """Return what there is of the cluster's backups."""
    bundles = vault.inventory().bundles
    return BackupState(bundles[-1].time if bundles else None, newest_drill(vault))


def newest_good(vault: Vault) -> BundleId | None:
    """Return the newest bundle whose manifest can be trusted."""
    newest = vault.newest_verified(vault.inventory().bundles)
    return newest.bundle if newest else None


def newest_drill(vault: Vault) -> datetime | None:
    """Return when the bundle was taken that was tried last, whatever came of it; None if none ever was."""
    times = [bundle.time for name in vault.drill_ids() if (bundle := BundleId.find(name.partition(".")[0]))]
    return max(times, default=None)


def how_old(vault: Vault, now: datetime) -> str:
    """Say how old the newest good bundle is."""
    newest = newest_good(vault)
    return age_text(newest.time if newest else None, now)


def should_notify(store: Store, cluster: str, *, is_overdue: bool, now: datetime) -> str:
    """Return what to tell: `missing` (again after an hour), `over` once bundles come again, or nothing.

    What was told is kept in the store, so that it is told once however often this is asked.
    """
    key = backup_alert_key(cluster)
    found = store.get(key)
    told = datetime.fromisoformat(json.loads(found.data)["told"]) if found else None
    if is_overdue and (told is None or now - told >= TELL_AGAIN_AFTER):
        store.put(key, json.dumps({"told": now.isoformat()}).encode())
        return "missing"
    if not is_overdue and told is not None:
        store.delete(key)
        return "over"
    return ""
