"""A run of a backup: whether a bundle is taken now, the bundle, and what people are told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from windlass.domain.backup import BundleManifest, revision_lost
from windlass.domain.backup.fixed_point import BackupState, lacks
from windlass.domain.backup.schedule import unsafe_beside
from windlass.domain.started_by import put_off
from windlass.effects.bundles import Vault
from windlass.errors import SkippedError, WindlassError
from windlass.operations.backup.expire import expire
from windlass.operations.backup.status import backup_state, how_old
from windlass.operations.backup.take import Stopwatch, take_bundle
from windlass.operations.backup.turn import held
from windlass.operations.run import Attempt, ClusterRun
from windlass.operations.stand_back import stand_back


def back_up(run: ClusterRun, attempt: Attempt, watch: Stopwatch) -> BundleManifest:
    """Take one bundle; SkippedError where that is not safe now or none is lacking, WaitingError if a person asked.

    RefusedError if a person asked for one of a cluster that is being created or deleted. Any other error is alerted,
    with the age of the newest good bundle, unless it is tried again.
    """
    stand_back(run, "no backup is taken", is_by_person=attempt.is_by_person)
    with attempt.alerting(lambda error: f"backup failed, {_age(run)}: {error}"):
        cluster = run.cluster()
        vault = run.vault(cluster)
        with _turn(run, attempt, vault), run.session(cluster) as session:
            before = vault.inventory().bundles
            manifest = take_bundle(session, run.pki(), vault, str(run.owner), watch)
    # Said once: from now on the newest bundle is of what is there.
    if before and (lost := revision_lost(before[-1], manifest)):
        attempt.alert(lost)
    return manifest


def taken_by(run: ClusterRun, since: datetime) -> BundleManifest | None:
    """Return the good bundle that this run has taken since then; None if it has taken none.

    A task that is tried again goes on from it: it died, or what comes after the bundle failed.
    """
    vault = run.vault(run.cluster())
    newest = vault.newest_verified(vault.inventory().bundles)
    is_own = newest is not None and newest.by == str(run.owner) and newest.started >= since
    return newest if is_own else None


@contextmanager
def _turn(run: ClusterRun, attempt: Attempt, vault: Vault) -> Iterator[None]:
    state = backup_state(vault)
    holder = run.lease().effective()
    if why_not := unsafe_beside(holder, has_bundles=state.newest is not None):
        raise put_off(f"no backup is taken now: {why_not}", is_by_person=attempt.is_by_person)
    # Asked before the turn is taken, which counts as an attempt.
    if not attempt.is_by_person and not _is_lacking(run, state):
        raise SkippedError("a bundle was taken since this run was asked for")
    with held(run.backup_lease(), run.clock, "a backup is being taken already", is_by_person=attempt.is_by_person):
        yield


def _is_lacking(run: ClusterRun, state: BackupState) -> bool:
    """Tell whether a bundle is to be taken; without a schedule whatever asked for it knows."""
    settings = run.cluster().spec.backup
    return settings.schedule is None or "bundle" in lacks(settings, run.name, state, datetime.now(UTC))


def _age(run: ClusterRun) -> str:
    try:
        return how_old(run.vault(run.cluster()), datetime.now(UTC))
    except WindlassError:
        return "how old the newest good bundle is cannot be told"


def expire_bundles(run: ClusterRun) -> tuple[str, ...]:
    """Delete the bundles that the spec no longer wants kept, and return their ids.

    What the whole cluster would go back to stays until the rollout has ended.
    """
    cluster = run.cluster()
    backup, rollout = cluster.spec.backup, run.records.rollout()
    if rollout is not None:
        backup = backup.model_copy(update={"pin": (*backup.pin, rollout.bundle)})
    return tuple(str(bundle) for bundle in expire(run.vault(cluster), backup, datetime.now(UTC)))


def require_drill_due(run: ClusterRun) -> None:
    """SkippedError unless the newest bundle is the first since the last time of the drills' schedule."""
    cluster = run.cluster()
    state = backup_state(run.vault(cluster))
    if "drill" not in lacks(cluster.spec.backup, run.name, state, datetime.now(UTC)):
        raise SkippedError("no drill is due")
