"""A run of a drill: choose a bundle, try it, say what came of it, leave no trace on the hosts."""

from __future__ import annotations

from windlass.domain.backup import NEWEST, BundleId, Candidate, DrillRecord, choose
from windlass.domain.backup.versions import release_for
from windlass.errors import IntegrityError
from windlass.operation_names import Operation
from windlass.operations.backup.drill import run_drill
from windlass.operations.backup.isolated import clear_drills
from windlass.operations.backup.take import Stopwatch
from windlass.operations.backup.turn import held
from windlass.operations.run import Attempt, ClusterRun, Tell
from windlass.operations.stand_back import stand_back


def choose_for_drill(run: ClusterRun, desired: str, *, is_by_person: bool) -> Candidate:
    """Return the bundle that `desired` names, by id, by time, or the newest; RefusedError if there is none.

    SkippedError, or RefusedError if a person asked, where the cluster is being created or deleted.
    """
    stand_back(run, "no drill is made", is_by_person=is_by_person)
    return choose(desired or NEWEST, run.vault(run.cluster()).candidates(), run.name)


def prove_bundle(run: ClusterRun, attempt: Attempt, bundle: BundleId, watch: Stopwatch) -> DrillRecord:
    """Restore a bundle on one host and compare; IntegrityError, which people are alerted of, unless that proves it.

    Whatever keeps the drill from being made is alerted too, unless it is tried again. SkippedError if another drill
    runs, WaitingError if a person asked.
    """
    stand_back(run, "no drill is made", is_by_person=attempt.is_by_person)
    cluster = run.cluster()
    vault = run.vault(cluster)
    with (
        held(run.drill_lease(), run.clock, "another drill runs", is_by_person=attempt.is_by_person),
        attempt.alerting(lambda error: f"drill with bundle {bundle} could not be made: {error}"),
        run.session(cluster) as session,
    ):
        release = release_for(run.catalog, vault.manifest(bundle))
        record = run_drill(session, release, vault, bundle, str(run.owner), watch)
    if not record.is_proof:
        text = f"drill with bundle {bundle} on {record.host or 'no host'} failed: {record.failure}"
        attempt.alert(text)
        raise IntegrityError(f"{text}; look at the record {record.id}, and take a new bundle with {Operation.BACK_UP}")
    run.log(f"drill: bundle {bundle} is proven: {record.milliseconds['total'] / 1000:.0f} s on {record.host}")
    return record


def clear_after_drill(run: ClusterRun, tell: Tell) -> list[str]:
    """Remove what a drill left on hosts, unless another one runs; return the hosts that answered.

    Those that do not answer are looked at by the next drill there.
    """
    lease = run.drill_lease()
    holder = lease.effective()
    if holder is not None and holder.owner != run.owner:
        tell(f"another drill runs: {holder.owner}")
        return []
    with run.session(run.cluster()) as session:
        outcomes = session.try_on_hosts(session.hosts, lambda _, connection: clear_drills(connection))
    lease.release()
    return [name for name, outcome in outcomes.items() if outcome.is_ok]
