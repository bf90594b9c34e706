"""Backups: see whose is due, take a bundle, expire old ones, keep etcd in order."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from windlass.airflow.backup_assets import BACKUPS, DRILLS
from windlass.airflow.errors import TASK_DEFAULTS, ending_on_permanent_errors
from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.run_context import RunContext
from windlass.airflow.services import airflow_services
from windlass.domain.backup import BundleId, BundleManifest
from windlass.domain.backup.schedule import BackupProgress, is_drill_due, is_due, overdue_since, unsafe_beside
from windlass.domain.notice import Notice
from windlass.effects.bundles import Vault
from windlass.effects.store import list_clusters
from windlass.errors import TRANSIENT, NotReadyError, RefusedError, WindlassError
from windlass.operation_names import Operation
from windlass.operations.backup.expire import expire
from windlass.operations.backup.status import how_old, newest_drill, progress_of, should_tell
from windlass.operations.backup.take import Stopwatch, take_bundle
from windlass.operations.etcd.maintain import keep_in_order


class _WaitingError(NotReadyError):
    """A run that somebody asked for has to wait for another; nothing has failed."""


class BackupDispatchOperator(BaseOperator):
    """Starts the backups that are due, each as a partition of BACKUPS, and tells of those that do not come."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**TASK_DEFAULTS, "outlets": [BACKUPS], **options})

    def execute(self, context: Context) -> list[str]:
        """Return the clusters whose backup was started. A cluster that cannot be looked at holds up no other."""
        with ending_on_permanent_errors():
            services = airflow_services()
            places = [RunContext.of_cluster(name, context, services) for name in list_clusters(services.store)]
        due = [run.name for run in places if self._is_due(context, run)]
        if not due:
            raise AirflowSkipException("no backup is due")
        context["outlet_events"][BACKUPS].add_partitions(due)
        self.log.info("backups are due of: %s", ", ".join(due))
        return due

    def _is_due(self, context: Context, run: RunContext) -> bool:
        try:
            return _look(context, run)
        except WindlassError as error:
            self.log.warning("%s: whether a backup is due cannot be told: %s", run.name, error)
            return False


def _look(context: Context, run: RunContext) -> bool:
    cluster, now = run.cluster(), datetime.now(UTC)
    schedule = cluster.spec.backup.schedule
    if schedule is None:
        return False
    vault = run.vault(cluster)
    progress = progress_of(vault, run.backup_lease().last())
    if progress.newest is not None:
        overdue = overdue_since(schedule, progress.newest, now)
        told = should_tell(run.store, run.name, is_overdue=overdue is not None, now=now)
        if told == "missing":
            notify_alert(
                context, run, f"backups do not come; {how_old(vault, now)}; see the runs of {Operation.BACK_UP}"
            )
        elif told == "over":
            notify_alert(context, run, f"backups come again; {how_old(vault, now)}", level="info")
    why_not = unsafe_beside(run.lease().effective(), has_bundles=bool(progress.newest))
    return not why_not and is_due(schedule, run.name, progress, now)


class BackupTakeOperator(ClusterOperator):
    """Takes one bundle. Where that is not safe now, or one is being taken already, a scheduled run is skipped."""

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return the bundle's id, what is in it, and how long each step took."""
        watch = Stopwatch(tell=self.log.info)
        try:
            cluster = run.cluster()
            vault = run.vault(cluster)
            with self._turn(context, run, vault), run.session(cluster) as session:
                before = vault.inventory().bundles
                manifest = take_bundle(session, run.pki(), vault, str(run.owner), watch)
        except _WaitingError:
            raise
        except WindlassError as error:
            self._tell_failure(context, run, error)
            raise
        if before and before[-1].revision > manifest.content.revision:
            # Said once: from now on the newest bundle is of what is there.
            notify_alert(context, run, _gone_back(before[-1], manifest))
        self.log.info(
            "bundle %s: %d keys at revision %d", manifest.id, manifest.content.keys, manifest.content.revision
        )
        return {
            "bundle": manifest.id,
            "source": manifest.etcd.source,
            "revision": manifest.content.revision,
            "keys": manifest.content.keys,
            "bytes": sum(part.sealed_bytes for part in manifest.parts.values()),
            "milliseconds": watch.milliseconds,
        }

    @contextmanager
    def _turn(self, context: Context, run: RunContext, vault: Vault) -> Iterator[None]:
        """Hold the cluster's one turn to take a backup, beside whatever operation runs."""
        lease, is_asked_for = run.backup_lease(), is_by_person(context)
        why_not = unsafe_beside(run.lease().effective(), has_bundles=bool(vault.inventory().bundles))
        if why_not:
            _wait_or_skip(f"no backup is taken now: {why_not}", is_asked_for=is_asked_for)
        schedule = run.cluster().spec.backup.schedule
        # Asked before the lease is taken, which counts as an attempt.
        is_late = not is_asked_for and schedule is not None and _is_done(schedule, run, vault)
        if is_late:
            raise AirflowSkipException("a bundle was taken since this run was asked for")
        try:
            lease.acquire()
        except RefusedError as refusal:
            _wait_or_skip(f"a backup is being taken already: {refusal}", is_asked_for=is_asked_for)
        try:
            yield
        finally:
            with contextlib.suppress(*TRANSIENT):  # the run ends, and then the lease is anybody's
                lease.release()

    def _tell_failure(self, context: Context, run: RunContext, error: WindlassError) -> None:
        if isinstance(error, TRANSIENT) and context["ti"].try_number <= (self.retries or 0):
            return  # it is tried again
        try:
            age = how_old(run.vault(run.cluster()), datetime.now(UTC))
        except WindlassError:
            age = "how old the newest good bundle is cannot be told"
        notify_alert(context, run, f"backup failed, {age}: {error}")


class BackupExpireOperator(ClusterOperator):
    """Deletes the bundles that the spec no longer wants kept."""

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return the ids that were deleted."""
        cluster = run.cluster()
        backup, rollout = cluster.spec.backup, run.records.rollout()
        if rollout is not None:  # what the whole cluster would go back to stays until the roll has ended
            backup = backup.model_copy(update={"pin": (*backup.pin, rollout.bundle)})
        gone = [str(bundle) for bundle in expire(run.vault(cluster), backup, datetime.now(UTC))]
        self.log.info("deleted: %s", ", ".join(gone) or "nothing")
        return gone


class BackupProveOperator(ClusterOperator):
    """Has the first bundle since the drill's schedule tried by the DAG restore_drill, else is skipped."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"outlets": [DRILLS], **options})

    def act(self, context: Context, run: RunContext) -> str:
        """Return the cluster whose drill was started."""
        cluster = run.cluster()
        schedule, vault = cluster.spec.backup.drill.schedule, run.vault(cluster)
        bundles = vault.inventory().bundles
        if schedule is None or not bundles or not is_drill_due(schedule, newest_drill(vault), bundles[-1].time):
            raise AirflowSkipException("no drill is due")
        context["outlet_events"][DRILLS].add_partitions(run.name)
        return run.name


class EtcdMaintenanceOperator(ClusterOperator):
    """Defragments etcd's members where it is worth it, ends the alarm of a full database, tells what needs a person."""

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was done; nothing is done while an operation has the cluster."""
        with run.session(run.cluster()) as session:
            kept = keep_in_order(session, run.pki(), lambda: run.lease().effective() is None)
        for line in kept.done:
            self.log.info("%s", line)
            run.log(f"etcd: {line}")
        for line in kept.complaints:
            notify_alert(context, run, line)
        return list(kept.done)


def _gone_back(before: BundleId, manifest: BundleManifest) -> str:
    return (
        f"etcd's revision went back from {before.revision} to {manifest.content.revision}: it has lost its data and "
        f"begun anew, or the cluster was made anew; what was there before is in bundle {before}, which "
        f"{Operation.RECOVER} takes if its id is given"
    )


def is_by_person(context: Context) -> bool:
    """Tell whether somebody asked for this run, rather than a schedule."""
    return not getattr(context["dag_run"], "partition_key", None)


def _wait_or_skip(reason: str, *, is_asked_for: bool) -> None:
    if is_asked_for:
        raise _WaitingError(reason)
    raise AirflowSkipException(reason)


def _is_done(schedule: str, run: RunContext, vault: Vault) -> bool:
    """Tell whether the backup that a scheduled run is for was taken by another meanwhile."""
    progress, now = progress_of(vault, run.backup_lease().last()), datetime.now(UTC)
    # An attempt that failed leaves this one to be made, whenever it was.
    return not is_due(schedule, run.name, BackupProgress(progress.newest, None), now)


def notify_alert(context: Context, run: RunContext, text: str, level: Any = "error") -> None:
    """Write a line to the cluster's service log and tell whoever wants to know; the store may be what is away."""
    with contextlib.suppress(WindlassError):
        run.log(text, level=level)
    run.services.notify([Notice(run.name, text, level, component="etcd", is_alert=True)], context)
