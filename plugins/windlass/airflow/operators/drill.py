"""Restore drills: choose a bundle, try it, leave no trace on the host."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from windlass.airflow.operators.backup import is_by_person, notify_alert
from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.run_context import RunContext
from windlass.domain.backup import NEWEST, BundleId, DrillRecord, choose
from windlass.domain.backup.versions import release_for
from windlass.errors import TRANSIENT, IntegrityError, NotReadyError, RefusedError, WindlassError
from windlass.operation_names import Operation
from windlass.operations.backup.drill import clear_drills, run_drill
from windlass.operations.backup.take import Stopwatch


class DrillChooseOperator(ClusterOperator):
    """Chooses the bundle that the param `bundle` names, by id, by time, or the newest."""

    def act(self, context: Context, run: RunContext) -> str:
        """Return the bundle's id; RefusedError if there is none."""
        desired = context["params"].get("bundle") or NEWEST
        chosen = choose(desired, run.vault(run.cluster()).candidates(), run.name)
        self.log.info("bundle %s, %s so far", chosen.bundle, chosen.standing.value)
        return str(chosen.bundle)


class DrillRunOperator(ClusterOperator):
    """Restores the chosen bundle on one host and compares; fails, and tells people, unless that proves it."""

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return what was compared and how long each step took; IntegrityError if the bundle is not proven."""
        bundle = BundleId.parse(context["ti"].xcom_pull(task_ids="choose"))
        cluster = run.cluster()
        vault = run.vault(cluster)
        with _turn(context, run), self._telling(context, run, bundle), run.session(cluster) as session:
            release = release_for(run.catalog, vault.manifest(bundle))
            record = run_drill(session, release, vault, bundle, str(run.owner), Stopwatch(tell=self.log.info))
        if not record.is_proof:
            text = f"drill with bundle {bundle} on {record.host or 'no host'} failed: {record.failure}"
            notify_alert(context, run, text)
            raise IntegrityError(
                f"{text}; look at the record {record.id}, and take a new bundle with {Operation.BACK_UP}"
            )
        run.log(f"drill: bundle {bundle} is proven: {record.milliseconds['total'] / 1000:.0f} s on {record.host}")
        return _told(record)

    @contextmanager
    def _telling(self, context: Context, run: RunContext, bundle: BundleId) -> Iterator[None]:
        """Tell people of what kept the drill from being made at all, unless it is tried again."""
        try:
            yield
        except WindlassError as error:
            if not isinstance(error, TRANSIENT) or context["ti"].try_number > (self.retries or 0):
                notify_alert(context, run, f"drill with bundle {bundle} could not be made: {error}")
            raise


class DrillClearOperator(ClusterOperator):
    """Removes what a drill left on hosts, should its task have been killed; a teardown."""

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return the hosts that were looked at; those that do not answer are looked at by the next drill there."""
        lease = run.drill_lease()
        held = lease.effective()
        if held is not None and held.owner != run.owner:
            self.log.info("another drill runs: %s", held.owner)
            return []
        with run.session(run.cluster()) as session:
            outcomes = session.try_on_hosts(session.hosts, lambda _, connection: clear_drills(connection))
        lease.release()
        return [name for name, outcome in outcomes.items() if outcome.is_ok]


def _told(record: DrillRecord) -> dict[str, Any]:
    return {
        "bundle": record.bundle,
        "host": record.host,
        "milliseconds": dict(record.milliseconds),
        "compared": {one.what: one.found for one in record.comparisons},
    }


@contextmanager
def _turn(context: Context, run: RunContext) -> Iterator[None]:
    """Hold the cluster's one turn to drill, beside whatever operation runs: it touches nothing of the cluster."""
    lease = run.drill_lease()
    try:
        lease.acquire()
    except RefusedError as refusal:
        if is_by_person(context):
            raise NotReadyError(f"another drill runs: {refusal}") from refusal
        raise AirflowSkipException(str(refusal)) from refusal
    try:
        yield
    finally:
        with contextlib.suppress(WindlassError):  # the teardown tries again
            lease.release()
