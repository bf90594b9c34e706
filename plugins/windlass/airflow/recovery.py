"""What the tasks of one recovery share: the plan that the first one made, and the cluster as it shall come back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from windlass.airflow.operators.cluster import seeded_pki
from windlass.airflow.run_context import RunContext
from windlass.domain.backup import BundleId, BundleManifest, BundleState
from windlass.domain.recovery import RecoveryPlan, RecoveryRequest, reduced
from windlass.domain.spec import Cluster, load_cluster
from windlass.effects.bundles import Vault
from windlass.errors import RefusedError
from windlass.operation_names import Operation
from windlass.operations.cluster import ClusterSession
from windlass.operations.recovery import RecoveryContext, recovery_id

PLAN = "plan"
"""The task whose result the others read."""


@dataclass(frozen=True)
class RecoveryHandover:
    """The plan as it goes from task to task: names and numbers, nothing secret."""

    bundle: str
    version: str
    hosts: tuple[str, ...]
    absent: tuple[str, ...]
    bump: int
    prepares_all: bool
    approved: str
    """Why nobody is asked; empty if a person is to be."""
    text: str
    question: str = ""
    """The same as Markdown, for who is asked; a plan that was made before there was one has none."""

    def to_xcom(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> RecoveryHandover:
        """Return the plan of this run."""
        found: dict[str, Any] = context["ti"].xcom_pull(task_ids=PLAN)
        return cls(**{**found, "hosts": tuple(found["hosts"]), "absent": tuple(found["absent"])})


def wish_of(params: Mapping[str, Any]) -> RecoveryRequest:
    """Return what the run was asked for."""
    return RecoveryRequest(
        bundle=params.get("bundle") or "newest",
        restore_versions=bool(params.get("restore_versions")),
        overwrite_healthy=bool(params.get("overwrite_healthy")),
        confirm_name=params.get("confirm_name") or "",
    )


def vault_of(run: RunContext, spec: str | None) -> Vault:
    """Return the bundles: where the given or stored spec keeps them; in the store if there is neither."""
    known = run.desired(spec) if spec or run.stored() else None
    return Vault(run.store, run.name, run.keys) if known is None else run.vault(known)


def cluster_of(run: RunContext, spec: str | None, state: BundleState) -> Cluster:
    """Return the spec to recover by: the one given, or the stored one, or the bundle's own."""
    if spec or run.stored():
        return run.desired(spec)
    return load_cluster(state.spec, f"the spec in the bundle of {run.name}")


def with_version(cluster: Cluster, version: str) -> Cluster:
    """Return the cluster with another Kubernetes version."""
    kubernetes = cluster.spec.kubernetes.model_copy(update={"version": version})
    return cluster.model_copy(update={"spec": cluster.spec.model_copy(update={"kubernetes": kubernetes})})


def manifest_of(run: RunContext, cluster: Cluster, recovery: RecoveryHandover) -> tuple[Vault, BundleManifest]:
    """Return the bundle that the plan names."""
    vault = run.vault(cluster)
    return vault, vault.manifest(BundleId.parse(recovery.bundle))


@contextmanager
def recovering(
    run: RunContext, recovery: RecoveryHandover, tell: Any
) -> Iterator[tuple[ClusterSession, RecoveryContext]]:
    """Give the site of the whole cluster, and the recovery of the part that comes back, over the same connections."""
    cluster = run.cluster()
    pki, sealed = seeded_pki(run, cluster)
    with run.session(cluster) as session:
        part = ClusterSession(
            reduced(cluster, recovery.hosts), session.release, session.lock, session.mirror, session.connections
        )
        yield (
            session,
            RecoveryContext(
                id=recovery_id(run.owner.run_id),
                session=part,
                pki=pki,
                sealed=sealed,
                prepares_all=recovery.prepares_all,
                tell=tell,
            ),
        )


def check_same(recovery: RecoveryHandover, now: RecoveryPlan) -> None:
    """RefusedError if other hosts answer than when the plan was made and approved."""
    if now.hosts != recovery.hosts:
        raise RefusedError(
            f"other hosts answer than when this was planned (then {', '.join(recovery.hosts)}; now "
            f"{', '.join(now.hosts)}); nothing was changed: trigger {Operation.RECOVER} again"
        )
