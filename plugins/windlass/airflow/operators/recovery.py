"""Steps of a disaster recovery: plan and verify, ask, restore, settle, verify."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Context

from windlass.airflow.approval import ClusterApprovalOperator
from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.recovery import (
    PLAN,
    RecoveryHandover,
    check_same,
    cluster_of,
    manifest_of,
    recovering,
    vault_of,
    wish_of,
    with_version,
)
from windlass.airflow.run_context import RunContext
from windlass.domain.backup import SNAPSHOT, BundleId, BundleManifest, life_of
from windlass.domain.pki import Pki
from windlass.domain.recovery import (
    BundleOrigin,
    DataLoss,
    bump_for,
    is_of_one_cluster,
    joined_pki,
    plan_recovery,
    version_for,
)
from windlass.domain.recovery.question import OUTAGE, RecoveryQuestion, render_question
from windlass.domain.spec import Cluster, dump_cluster
from windlass.effects.bundles import Vault
from windlass.effects.clock import Clock
from windlass.effects.store import RunLease
from windlass.effects.store.recoveries import RecoveryRecord, recoveries, save_recovery
from windlass.errors import NotReadyError, RefusedError
from windlass.operation_names import Operation
from windlass.operations.apply.verify import verify_cluster
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.recovery import (
    SnapshotSource,
    check_versions,
    choose_verified,
    recovery_id,
    restore_beside,
    settle,
    survey,
    switch_over,
)

_API_READY = timedelta(seconds=150)
_PATIENCE = timedelta(minutes=3)
"""How long one try waits for a repair run; Airflow tries again after it."""
_PAUSE_SECONDS = 0.5


class RecoveryPlanOperator(ClusterOperator):
    """Chooses and verifies the bundle, looks at what is left, and says what is lost; nothing is changed.

    If only the plan was asked for, `skips` are skipped.
    """

    def __init__(self, *, skips: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.skips = skips

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return the plan; RefusedError where live data would be thrown away and nobody said so twice."""
        params = context["params"]
        wish, spec = wish_of(params), params.get("spec")
        vault = vault_of(run, spec)
        manifest = choose_verified(vault, wish.bundle, self.log.warning)
        self.log.info("bundle %s is whole", manifest.id)
        state = vault.state(manifest)
        cluster = cluster_of(run, spec, state)
        version = version_for(
            cluster.spec.kubernetes.version, manifest.kubernetes_version, restore=wish.restore_versions
        )
        check_versions(vault, manifest, run.catalog.release(version))
        desired = with_version(cluster, version)
        stored = run.records.pki(run.keys)
        with run.session(desired) as session:
            found = survey(session, joined_pki(stored, state.pki))
        plan = plan_recovery(desired, found, wish, _origin(manifest, stored, state.pki))
        loss = DataLoss(
            manifest.id, manifest.bundle.time, manifest.content.revision, datetime.now(UTC), found.observed.revision
        )
        recovery = RecoveryHandover(
            bundle=manifest.id,
            version=version,
            hosts=plan.hosts,
            absent=plan.absent,
            bump=bump_for(manifest.content.revision, [found.observed.revision, *_known_revisions(run, vault)]),
            # Amid an upgrade hosts are at two versions, whatever the stored spec says.
            prepares_all=bool(plan.absent)
            or spec is not None
            or _version(run) not in {None, version}
            or run.records.rollout() is not None,
            approved="the spec says `recovery.approval: automatic`"
            if cluster.spec.recovery.approval == "automatic"
            else "",
            text=_text(desired, plan, loss),
            question=render_question(RecoveryQuestion(cluster.name, version, plan, loss)),
        )
        self.log.info("%s", recovery.text)
        if params.get("plan_only"):
            self.skip(context, self.skips, recovery.to_xcom())
        return recovery.to_xcom()


def _version(run: RunContext) -> str | None:
    stored = run.stored()
    return None if stored is None else stored.spec.kubernetes.version


def _origin(manifest: BundleManifest, stored: Pki | None, bundled: Pki) -> BundleOrigin:
    """Return what the bundle is of; where nothing is stored, it is with the bundle's own keys that etcd was asked."""
    has_our_keys = stored is None or is_of_one_cluster(stored, bundled)
    return BundleOrigin(manifest.content.revision, life_of(manifest), has_our_keys)


def _known_revisions(run: RunContext, vault: Vault) -> list[int]:
    """Return every revision that bundles and earlier recoveries tell of."""
    earlier = [record.revision for record in recoveries(run.store, run.name)]
    return [*earlier, *(bundle.revision for bundle in vault.inventory().bundles)]


def _text(cluster: Cluster, plan: Any, loss: DataLoss) -> str:
    version, hosts = cluster.spec.kubernetes.version, ", ".join(plan.hosts)
    return f"cluster `{cluster.name}`, Kubernetes {version}, comes back on {hosts}\n{loss}\n{plan}\n{OUTAGE}"


class RecoveryApprovalOperator(ClusterApprovalOperator):
    """Asks a person, with what is lost before the eyes, unless the spec or the run has approved in advance."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{
                "subject": "Recover cluster {{ params.cluster }} from a backup?",
                "body": f"{{{{ ti.xcom_pull(task_ids='{PLAN}')['question'] }}}}",
                **options,
            }
        )

    def execute(self, context: Context) -> Any:
        """Ask, unless that was answered in advance."""
        if approved := RecoveryHandover.of(context).approved:
            self.log.info("approved in advance: %s", approved)
            return None
        return super().execute(context)


class RecoveryLeaseOperator(ClusterOperator):
    """Takes the lease, and stores spec and keys of the bundle where the store lacks them.

    A repair run, which a disaster starts too, is waited for: it ends as soon as it sees that it cannot help.
    """

    def act(self, context: Context, run: RunContext) -> str:
        """Return who holds the lease now; RefusedError names the run that holds it instead."""
        recovery, spec = RecoveryHandover.of(context), context["params"].get("spec")
        self._acquire(run.lease(), run.services.clock)
        vault = vault_of(run, spec)
        manifest = vault.manifest(BundleId.parse(recovery.bundle))
        state = vault.state(manifest)
        cluster = with_version(cluster_of(run, spec, state), recovery.version)
        if run.records.save_pki(joined_pki(run.records.pki(run.keys), state.pki), run.keys):
            self.log.info("the keys that the bundle needs are stored")
        if run.records.save_spec(dump_cluster(cluster)):
            self.log.info("the spec is stored, with Kubernetes %s", recovery.version)
        return str(run.owner)

    def _acquire(self, lease: RunLease, clock: Clock) -> None:
        deadline = clock.monotonic() + _PATIENCE.total_seconds()
        while True:
            try:
                lease.acquire()
            except RefusedError as refusal:
                holder = lease.effective()
                if holder is not None and holder.operation != Operation.REMEDIATE:
                    raise
                if clock.monotonic() > deadline:
                    raise NotReadyError(f"recovery waits: {refusal}") from refusal
            else:
                return
            clock.sleep(_PAUSE_SECONDS)


class RecoveryRestoreOperator(ClusterOperator):
    """Restores beside the old data, looks once more whether that is still right, and switches over."""

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return when the API took its first write; the error says how to go back."""
        recovery = RecoveryHandover.of(context)
        run.lease().heartbeat()
        vault, manifest = manifest_of(run, run.cluster(), recovery)
        with recovering(run, recovery, self.log.info) as (whole, work):
            source = SnapshotSource(
                manifest.parts[SNAPSHOT].clear_bytes, recovery.bump, vault.open_part(manifest, SNAPSHOT)
            )
            before = restore_beside(work, source)
            if not any(one.stage == "switched" for one in before.values()):
                found, wish = survey(whole, work.pki), wish_of(context["params"])
                origin = _origin(manifest, run.records.pki(run.keys), vault.state(manifest).pki)
                check_same(recovery, plan_recovery(whole.cluster, found, wish, origin))
            revision = manifest.content.revision + recovery.bump
            record = RecoveryRecord(work.id, run.owner.run_id, recovery.bundle, revision)
            save_recovery(run.store, run.name, record)
            first_write = switch_over(work, before, recovery.bundle)
        return {"recovery": work.id, "first_write": first_write}


class RecoverySettleOperator(ClusterOperator):
    """Restarts kubelets, removes the nodes of hosts that are gone, applies the foundation services."""

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was changed."""
        recovery = RecoveryHandover.of(context)
        run.lease().heartbeat()
        with recovering(run, recovery, self.log.info) as (_, work):
            return list(settle(work, recovery.absent))


class RecoveryVerifyOperator(ClusterOperator):
    """Uses the cluster as its users will, as after a creation, and writes what was done to the service log."""

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was shown to work."""
        recovery = RecoveryHandover.of(context)
        with (
            recovering(run, recovery, self.log.info) as (_, work),
            kubernetes_api(work.session, work.pki, _API_READY) as client,
        ):
            shown = verify_cluster(work.session, work.pki, client)
        for one in shown:
            self.log.info("verified: %s", one)
        run.records.end_rollout()
        left_out = f"; left out: {', '.join(recovery.absent)}" if recovery.absent else ""
        run.log(
            f"{run.owner.dag_id}: recovered from bundle {recovery.bundle} on {', '.join(recovery.hosts)}{left_out}",
            details={"plan": recovery.text, "recovery": recovery_id(run.owner.run_id)},
        )
        return list(shown)
