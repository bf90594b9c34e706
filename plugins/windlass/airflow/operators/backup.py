"""Backups: see whose is due, take a bundle, expire old ones, keep etcd in order: in one task, or in four."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from airflow.sdk import BaseOperator, Context

from windlass.airflow.alerts import attempt_of, notify_alert
from windlass.airflow.assets import BACKED_UP, BACKUPS, DRILLS
from windlass.airflow.errors import TASK_DEFAULTS, ending_on_permanent_errors
from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.run_alerts import notify_paused, notify_unwatched
from windlass.airflow.run_context import RunContext
from windlass.airflow.services import airflow_services
from windlass.airflow.time_limits import BUNDLE, LOOK
from windlass.domain.backup import BundleManifest
from windlass.effects.store import list_clusters
from windlass.errors import TRANSIENT, NotReadyError, SkippedError, WindlassError
from windlass.operations.backup.backup_run import back_up, expire_bundles, require_drill_due, taken_by
from windlass.operations.backup.dispatch import should_start_backup
from windlass.operations.backup.take import Stopwatch
from windlass.operations.etcd.maintain import keep_in_order
from windlass.operations.stand_back import stand_back


class BackupDispatchOperator(BaseOperator):
    """Starts the backups that are due, each as a partition of BACKUPS, and tells of those that do not come."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**TASK_DEFAULTS, "execution_timeout": LOOK, "outlets": [BACKUPS], **options})

    def execute(self, context: Context) -> list[str]:
        """Return the clusters whose backup was started. A cluster that cannot be looked at holds up no other."""
        with ending_on_permanent_errors():
            services = airflow_services()
            runs = [RunContext.of_cluster(name, context, services) for name in list_clusters(services.store)]
            if runs:
                notify_paused(context, services.notify)
                notify_unwatched(context, services)
            due = [run.name for run in runs if self._is_due(context, run)]
            if not due:
                raise SkippedError("no backup is due")
        context["outlet_events"][BACKUPS].add_partitions(due)
        self.log.info("backups are due of: %s", ", ".join(due))
        return due

    def _is_due(self, context: Context, run: RunContext) -> bool:
        return should_start_backup(run, partial(notify_alert, context, run), self.log.warning)


class BackupTakeOperator(ClusterOperator):
    """Takes one bundle. Where that is not safe now, or one is being taken already, a scheduled run is skipped."""

    longest = BUNDLE
    announces = BACKED_UP

    def news(self, result: Any) -> Mapping[str, Any]:
        """Return which bundle was taken."""
        return {"bundle": result["bundle"]}

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return the bundle's id, what is in it, and how long each step took."""
        watch = Stopwatch(tell=self.log.info)
        return self.told(back_up(run, attempt_of(context, run, self.retries), watch), watch)

    def told(self, manifest: BundleManifest, watch: Stopwatch) -> dict[str, Any]:
        """Return what is said of a bundle that was taken."""
        revision, keys = manifest.content.revision, manifest.content.keys
        self.log.info("bundle %s: %d keys at revision %d", manifest.id, keys, revision)
        return {
            "bundle": manifest.id,
            "source": manifest.etcd.source,
            "revision": revision,
            "keys": keys,
            "bytes": sum(part.sealed_bytes for part in manifest.parts.values()),
            "milliseconds": watch.milliseconds,
        }


class BackupExpireOperator(ClusterOperator):
    """Deletes the bundles that the spec no longer wants kept."""

    longest = BUNDLE

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return the ids that were deleted."""
        return _expire(self, run)


class BackupProveOperator(ClusterOperator):
    """Has the first bundle since the drill's schedule tried by the DAG restore_drill, else is skipped."""

    longest = BUNDLE

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"outlets": [DRILLS], **options})

    def act(self, context: Context, run: RunContext) -> str:
        """Return the cluster whose drill was started."""
        return _start_drill(context, run)


class EtcdMaintenanceOperator(ClusterOperator):
    """Defragments etcd's members where it is worth it, ends the alarm of a full database, tells what needs a person."""

    longest = BUNDLE

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was done; nothing is done while an operation has the cluster, or it is being created."""
        return _maintain(self, context, run)


class BackupRunOperator(BackupTakeOperator):
    """Does all that those four do, in one task: a task costs far more than what each of them does.

    etcd is looked after whatever came of the bundle. Once there is one, each further step is done whatever came of the
    others; if one fails, so does the task, and tried again it goes on from the bundle that it has taken.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"outlets": [BACKED_UP, DRILLS], **options})

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return what BackupTakeOperator does, and what came of each further step; an empty one did nothing."""
        steps: dict[str, Callable[[], Any]] = {
            "expired": lambda: _expire(self, run),
            "drill": lambda: _start_drill(context, run),
            "maintenance": lambda: _maintain(self, context, run),
        }
        try:
            taken = self._taken(context, run)
        except WindlassError as error:
            # A database that is full is why some backups fail.
            for failure in self._each({"maintenance": steps["maintenance"]}, {}):
                self.log.warning("%s", failure)
            raise error from error.__cause__
        errors = self._each(steps, taken)
        if errors:
            kind = NotReadyError if all(isinstance(one, TRANSIENT) for one in errors) else WindlassError
            raise kind("\n".join(map(str, errors))) from ExceptionGroup("after the bundle was taken", errors)
        return taken

    def _taken(self, context: Context, run: RunContext) -> dict[str, Any]:
        watch, since = Stopwatch(tell=self.log.info), context["dag_run"].start_date
        if context["ti"].try_number > 1 and since is not None and (before := taken_by(run, since)) is not None:
            self.log.info("an earlier try has taken the bundle")
            return self.told(before, watch)
        return self.told(back_up(run, attempt_of(context, run, self.retries), watch), watch)

    def _each(self, steps: Mapping[str, Callable[[], Any]], results: dict[str, Any]) -> list[WindlassError]:
        errors = []
        for name, step in steps.items():
            results[name] = None
            try:
                results[name] = step()
            except SkippedError as reason:
                self.log.info("%s", reason)
            except WindlassError as error:
                errors.append(error)
        return errors


def _expire(operator: ClusterOperator, run: RunContext) -> list[str]:
    gone = expire_bundles(run)
    operator.log.info("deleted: %s", ", ".join(gone) or "nothing")
    return list(gone)


def _start_drill(context: Context, run: RunContext) -> str:
    require_drill_due(run)
    context["outlet_events"][DRILLS].add_partitions(run.name)
    return run.name


def _maintain(operator: ClusterOperator, context: Context, run: RunContext) -> list[str]:
    stand_back(run, "etcd is not maintained", is_by_person=False)
    with run.session(run.cluster()) as session:
        kept = keep_in_order(session, run.pki(), lambda: run.lease().effective() is None)
    for line in kept.done:
        operator.log.info("%s", line)
        run.log(f"etcd: {line}")
    for line in kept.complaints:
        notify_alert(context, run, line)
    return list(kept.done)
