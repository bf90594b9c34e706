"""Plan a recovery: choose and verify the bundle, look at what is left, say what is lost. Nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from windlass.domain.approval import Matter
from windlass.domain.backup import BundleId, BundleManifest, BundleState, life_of
from windlass.domain.pki import Pki
from windlass.domain.recovery import (
    BundleOrigin,
    DataLoss,
    RecoveryPlan,
    RecoveryRequest,
    Survey,
    bump_for,
    is_of_one_cluster,
    joined_pki,
    plan_recovery,
    version_for,
)
from windlass.domain.recovery.handover import RecoveryHandover, approved_in_advance
from windlass.domain.recovery.question import RecoveryQuestion, plan_text, render_question
from windlass.domain.spec import Cluster, load_cluster
from windlass.domain.spec.version import at_version
from windlass.effects.bundles import Vault
from windlass.effects.store.recoveries import recoveries
from windlass.operations.recovery.choose import check_versions, choose_verified
from windlass.operations.recovery.survey import survey
from windlass.operations.run import ClusterRun, Tell
from windlass.operations.two_people import TwoPeople, demand_of


@dataclass(frozen=True)
class RecoverySource:
    """A bundle, and the cluster as it comes back from it."""

    vault: Vault
    manifest: BundleManifest
    state: BundleState
    cluster: Cluster


def plan_run(run: ClusterRun, request: RecoveryRequest, spec: str, tell: Tell, warn: Tell) -> RecoveryHandover:
    """Return the plan; RefusedError where live data would be thrown away and nobody said so twice.

    `spec` is the text of another spec than the stored one, empty if there is none; `warn` hears of damaged bundles.
    """
    source = _choose(run, request, spec, tell, warn)
    run.require_secrets(source.cluster)
    stored = run.records.recoverable_pki(run.keys)
    with run.session(source.cluster) as session:
        found = survey(session, joined_pki(stored, source.state.pki))
    plan = plan_recovery(source.cluster, found, request, origin_of(source.manifest, stored, source.state.pki))
    handover = _handover(run, source, found, plan, has_spec=bool(spec))
    tell(handover.text)
    return handover


def _choose(run: ClusterRun, request: RecoveryRequest, spec: str, tell: Tell, warn: Tell) -> RecoverySource:
    vault = vault_of(run, spec)
    manifest = choose_verified(vault, request.bundle, warn)
    tell(f"bundle {manifest.id} is whole")
    state = vault.state(manifest)
    cluster = cluster_of(run, spec, state)
    desired, bundled = cluster.spec.kubernetes.version, manifest.kubernetes_version
    version = version_for(desired, bundled, restore=request.restore_versions)
    check_versions(vault, manifest, run.catalog.release(version))
    return RecoverySource(vault, manifest, state, at_version(cluster, version))


def _handover(
    run: ClusterRun, source: RecoverySource, found: Survey, plan: RecoveryPlan, *, has_spec: bool
) -> RecoveryHandover:
    manifest, cluster = source.manifest, source.cluster
    version, live = cluster.spec.kubernetes.version, found.observed.revision
    loss = DataLoss(manifest.id, manifest.bundle.time, manifest.content.revision, datetime.now(UTC), live)
    question = RecoveryQuestion(cluster.name, version, plan, loss)
    return RecoveryHandover(
        bundle=manifest.id,
        version=version,
        hosts=plan.hosts,
        absent=plan.absent,
        bump=bump_for(manifest.content.revision, [live, *_known_revisions(run, source.vault)]),
        prepares_all=bool(plan.absent) or has_spec or not _are_hosts_at(run, version),
        approved=approved_in_advance(deciding_spec(run, source.state).spec.recovery),
        text=plan_text(question),
        question=render_question(question),
    )


def _are_hosts_at(run: ClusterRun, version: str) -> bool:
    """Tell whether all hosts are meant to be at a version; during a rollout they are at two, whatever is stored."""
    stored = run.stored()
    return (stored is None or stored.spec.kubernetes.version == version) and run.records.rollout() is None


def _known_revisions(run: ClusterRun, vault: Vault) -> list[int]:
    """Return every revision that bundles and earlier recoveries tell of."""
    earlier = [record.revision for record in recoveries(run.store, run.name)]
    return [*earlier, *(bundle.revision for bundle in vault.inventory().bundles)]


def origin_of(manifest: BundleManifest, stored: Pki | None, bundled: Pki) -> BundleOrigin:
    """Return what the bundle is of; where nothing is stored, it is with the bundle's own keys that etcd was asked."""
    has_our_keys = stored is None or is_of_one_cluster(stored, bundled)
    return BundleOrigin(manifest.content.revision, life_of(manifest), has_our_keys)


def vault_of(run: ClusterRun, spec: str) -> Vault:
    """Return the bundles: where the given or stored spec keeps them; in the store if there is neither."""
    known = run.desired(spec) if spec or run.stored() else None
    return Vault(run.store, run.name, run.keys) if known is None else run.vault(known)


def cluster_of(run: ClusterRun, spec: str, state: BundleState) -> Cluster:
    """Return the spec to recover by: the one given, or the stored one, or the bundle's own."""
    if spec or run.stored():
        return run.desired(spec, None if run.stored() else _bundled_cluster(run, state))
    return _bundled_cluster(run, state)


def deciding_spec(run: ClusterRun, state: BundleState) -> Cluster:
    """Return the spec that says who must approve: the stored one, or else the bundle's, and never the run's own."""
    return run.stored() or _bundled_cluster(run, state)


def _bundled_cluster(run: ClusterRun, state: BundleState) -> Cluster:
    return load_cluster(state.spec, f"the spec in the bundle of {run.name}")


def two_people_for(run: ClusterRun, spec: str, recovery: RecoveryHandover) -> TwoPeople | None:
    """Return what the recovery needs besides whoever asked for it; None if that is nobody."""
    source = source_of(run, spec, recovery)
    return demand_of(Matter.LOSS, deciding_spec(run, source.state), recovery.digest, source.cluster)


def source_of(run: ClusterRun, spec: str, recovery: RecoveryHandover) -> RecoverySource:
    """Return the bundle that the plan names, and the cluster as the plan has it."""
    vault = vault_of(run, spec)
    manifest = vault.manifest(BundleId.parse(recovery.bundle))
    state = vault.state(manifest)
    return RecoverySource(vault, manifest, state, at_version(cluster_of(run, spec, state), recovery.version))
