"""Change the objects in the cluster, and wait until everything that runs by them has rolled out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from windlass.domain.objects.drift import ObjectDrift
from windlass.domain.pki import Pki, Signer, trust_bundle
from windlass.domain.rollout.rotation import ROOT_CA
from windlass.effects.kubernetes.client import KubernetesClient, Resource
from windlass.operations.apply.absent_pods import AbsentPods
from windlass.operations.cluster import Changes, ClusterSession
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.objects.apply import apply_services
from windlass.operations.objects.nodes import label_nodes, node_drift
from windlass.operations.objects.observe import CONFIG_MAPS, observe_objects
from windlass.operations.objects.secrets import rewrite_secrets, secrets_drift
from windlass.operations.objects.spread import spread_dns
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.left_traces import remove_what_drivers_left
from windlass.operations.rollout.settle import unreachable_hosts
from windlass.operations.waiting import wait_until

_API = timedelta(seconds=60)
_PUBLISHED = timedelta(minutes=2)
_DAEMON_SETS = Resource("apps/v1", "daemonsets", namespaced=True)
_DEPLOYMENTS = Resource("apps/v1", "deployments", namespaced=True)


def change_add_ons(rollout: RolloutContext) -> Changes:
    """Apply every object that the spec picks, prune what left it, and wait until all of it runs again.

    What is on hosts that do not answer is not waited for.
    """
    session, before = rollout.session.trusting(rollout.pki), rollout.before
    absent = unreachable_hosts(session)
    with kubernetes_api(rollout.during, rollout.pki, _API) as client:
        if session.pods_trust:
            _wait_for_authority(rollout, client)
        changed = (*apply_services(session, client, before), *label_nodes(session, client, before))
        _tell_and_wait(rollout, client, changed, absent)
        left = remove_what_drivers_left(rollout, client, absent)
        rest = (*left, *rewrite_secrets(session, client, rollout.pki), *spread_dns(session, client))
        if rest:
            _tell_and_wait(rollout, client, rest, absent)
    return (*changed, *rest)


def _wait_for_authority(rollout: RolloutContext, client: KubernetesClient) -> None:
    """Wait until pods that start read the authorities that count: the controller manager writes them to a config map.

    It is only waited for: one that never comes makes the step fail, with what it lacks.
    """
    desired = trust_bundle(rollout.pki, Signer.KUBERNETES).strip()

    def missing() -> str:
        found = client.get(CONFIG_MAPS, ROOT_CA, "kube-system")
        is_there = found is not None and str((found.get("data") or {}).get("ca.crt", "")).strip() == desired
        return "" if is_there else f"config map kube-system/{ROOT_CA} has not the authorities of the cluster yet"

    wait_until(missing, _PUBLISHED, "wait until pods read the cluster's authorities", rollout.session.clock)


def _tell_and_wait(rollout: RolloutContext, client: KubernetesClient, changed: Changes, absent: frozenset[str]) -> None:
    for one in changed:
        rollout.tell(one)
    foundation, within = rollout.session.foundation, rollout.limits.services_ready
    wait_until(lambda: rolling_out(client, foundation, absent), within, "add-ons", rollout.session.clock)


def rolling_out(client: KubernetesClient, foundation: frozenset[str], absent: Collection[str] = ()) -> str:
    """Return which of the foundation's daemon sets and deployments have not rolled out yet; empty if all have.

    Pods on nodes that are `absent` count neither way.
    """
    away = AbsentPods.on(absent, client)
    found = [(one, _of_daemon_set(one, away.of(one))) for one in client.list(_DAEMON_SETS)]
    found += [(one, _of_deployment(one, away.of(one))) for one in client.list(_DEPLOYMENTS)]
    return "; ".join(
        f"{one['metadata']['namespace']}/{one['metadata']['name']}: {state}"
        for one, state in found
        if state and one["metadata"]["namespace"] in foundation
    )


def _of_daemon_set(found: dict[str, Any], away: int) -> str:
    status = found["status"]
    desired = status.get("desiredNumberScheduled", 0) - away
    return _state(found, desired, status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0))


def _of_deployment(found: dict[str, Any], away: int) -> str:
    status, desired = found["status"], found["spec"].get("replicas", 1)
    if status.get("replicas", 0) - away > status.get("updatedReplicas", 0):
        return f"{status['replicas'] - status.get('updatedReplicas', 0)} old pods are left"
    return _state(found, desired - away, status.get("updatedReplicas", 0), status.get("availableReplicas", 0))


def _state(found: dict[str, Any], desired: int, updated: int, available: int) -> str:
    if found["status"].get("observedGeneration", 0) < found["metadata"].get("generation", 0):
        return "its change was not seen yet"
    if updated < desired:
        return f"{updated} of {desired} are new"
    return f"{available} of {desired} are available" if available < desired else ""


def add_on_drift(
    session: ClusterSession, client: KubernetesClient, before: ClusterSession | None = None, pki: Pki | None = None
) -> tuple[ObjectDrift, ...]:
    """Return how objects and nodes differ from what is desired, as the API server itself says; nothing is changed.

    With `pki` also whether the stored Secrets are to be written again, under another encryption.
    """
    observed = observe_objects(session, client, before)
    secrets = () if pki is None else secrets_drift(session, pki, observed.stored)
    return (*observed.all_drift, *node_drift(session, client, before), *secrets)


def changed_add_ons(
    session: ClusterSession, client: KubernetesClient, before: ClusterSession | None = None, pki: Pki | None = None
) -> dict[str, tuple[str, ...]]:
    """Return what an apply would change about objects and nodes, a line each with its details; nothing is changed."""
    return {str(one): one.details for one in add_on_drift(session, client, before, pki)}
