"""A run of a recovery after its plan: the lease, restore and switch, the rest of the cluster, the verification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from windlass.domain.backup import SNAPSHOT, BundleId
from windlass.domain.recovery import RecoveryRequest, joined_pki, plan_recovery, reduced
from windlass.domain.recovery.handover import RecoveryHandover
from windlass.domain.spec import dump_cluster
from windlass.effects.clock import Clock
from windlass.effects.store import RunLease
from windlass.effects.store.recoveries import RecoveryRecord, save_recovery
from windlass.operations.apply.certificates import ensure_pki
from windlass.operations.apply.created import record_verified
from windlass.operations.apply.verify import verify_cluster
from windlass.operations.cluster import ClusterSession
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.recovery.context import RecoveryContext, recovery_id
from windlass.operations.recovery.plan import origin_of, source_of, two_people_for
from windlass.operations.recovery.restore import SnapshotSource, restore_beside
from windlass.operations.recovery.settle import settle
from windlass.operations.recovery.survey import survey
from windlass.operations.recovery.switch import switch_over
from windlass.operations.run import ClusterRun, Tell
from windlass.operations.take_over import take_from_remediation

_API_READY = timedelta(seconds=150)
_PATIENCE = timedelta(minutes=3)
"""How long one try waits for a run that remediates; Airflow tries again after it."""


def take_over_cluster(lease: RunLease, clock: Clock) -> None:
    """Take the lease; RefusedError names the run that holds it instead.

    A remediation, which a disaster starts too, is waited for: it ends as soon as it sees that it cannot help.
    NotReadyError if it does not.
    """
    take_from_remediation(lease, clock, "recovery waits", _PATIENCE)


def require_approval(run: ClusterRun, spec: str, recovery: RecoveryHandover, answer: Mapping[str, Any] | None) -> None:
    """RefusedError if two people must be behind the recovery, and `answer` is not the second's word."""
    if (demand := two_people_for(run, spec, recovery)) is not None:
        demand.check(run, answer)


def adopt_bundle(run: ClusterRun, spec: str, recovery: RecoveryHandover, tell: Tell) -> None:
    """Store spec and keys of the bundle where the store lacks them."""
    source = source_of(run, spec, recovery)
    if run.records.save_pki(joined_pki(run.records.recoverable_pki(run.keys), source.state.pki), run.keys):
        tell("the keys that the bundle needs are stored")
    if run.records.save_spec(dump_cluster(source.cluster)):
        tell(f"the spec is stored, with Kubernetes {recovery.version}")


@contextmanager
def recovering(
    run: ClusterRun, recovery: RecoveryHandover, tell: Tell
) -> Iterator[tuple[ClusterSession, RecoveryContext]]:
    """Connect to the whole cluster, and give the recovery of the part that comes back, over the same connections."""
    cluster = run.cluster()
    pki, sealed = ensure_pki(run, cluster)
    with run.session(cluster) as session:
        part = replace(session, cluster=reduced(cluster, recovery.hosts))
        yield (
            session,
            RecoveryContext(recovery_id(run.owner.run_id), part, pki, sealed, recovery.prepares_all, tell),
        )


def restore_and_switch(
    run: ClusterRun, recovery: RecoveryHandover, request: RecoveryRequest, tell: Tell
) -> tuple[str, str]:
    """Restore beside the old data, look once more whether that is still right, and switch over.

    Return the recovery's id, and when the API took its first write; the error says how to go back.
    """
    vault = run.vault(run.cluster())
    manifest = vault.manifest(BundleId.parse(recovery.bundle))
    with recovering(run, recovery, tell) as (whole, work):
        size, opened = manifest.parts[SNAPSHOT].clear_bytes, vault.open_part(manifest, SNAPSHOT)
        before = restore_beside(work, SnapshotSource(size, recovery.bump, opened))
        if not any(one.stage == "switched" for one in before.values()):
            origin = origin_of(manifest, run.records.pki(run.keys), vault.state(manifest).pki)
            recovery.check_same(plan_recovery(whole.cluster, survey(whole, work.pki), request, origin))
        revision = manifest.content.revision + recovery.bump
        save_recovery(run.store, run.name, RecoveryRecord(work.id, run.owner.run_id, recovery.bundle, revision))
        return work.id, switch_over(work, before, recovery.bundle)


def settle_cluster(run: ClusterRun, recovery: RecoveryHandover, tell: Tell) -> tuple[str, ...]:
    """Restart kubelets, remove the nodes of hosts that are gone, apply the foundation services."""
    with recovering(run, recovery, tell) as (_, work):
        return settle(work, recovery.absent)


def verify_recovery(run: ClusterRun, recovery: RecoveryHandover, tell: Tell) -> tuple[str, ...]:
    """Use the cluster as its users will, as after a creation, and write what was done to the service log."""
    with (
        recovering(run, recovery, tell) as (_, work),
        kubernetes_api(work.session, work.pki, _API_READY) as client,
    ):
        shown = verify_cluster(work.session, work.pki, client)
        record_verified(run.records, work.session, work.pki)
    run.records.end_rollout()
    left_out = f"; left out: {', '.join(recovery.absent)}" if recovery.absent else ""
    run.log(
        f"{run.owner.dag_id}: recovered from bundle {recovery.bundle} on {', '.join(recovery.hosts)}{left_out}",
        details={"plan": recovery.text, "recovery": recovery_id(run.owner.run_id)},
    )
    return shown
