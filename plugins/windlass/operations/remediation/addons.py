"""Observe the add-ons of a cluster for remediation, and act on one of them."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import timedelta

from windlass.domain.host.layout import ADDON_LABEL
from windlass.domain.objects.drift import ObjectDrift
from windlass.domain.objects.health import AddonHealth, ObservedAddons, Workload, addon_health
from windlass.domain.objects.node_settings import NODES_ADDON
from windlass.domain.remediation import Action, ClusterHealth
from windlass.domain.spec.drivers import spreads_dns
from windlass.effects.kubernetes.client import NODES, PODS, KubernetesClient, Resource
from windlass.errors import NotReadyError, WindlassError
from windlass.operations.cluster import Changes
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.objects.apply import apply_differing
from windlass.operations.objects.nodes import label_nodes, node_drift
from windlass.operations.objects.observe import observe_objects
from windlass.operations.objects.spread import spread_dns
from windlass.operations.remediation.context import RemediationContext
from windlass.operations.waiting import wait_until

log = logging.getLogger(__name__)
_API = timedelta(seconds=10)
_AT_ONCE = timedelta(0)
"""Each API server is asked once: where none answers, that is what is remediated first."""
_AVAILABLE = timedelta(seconds=90)
_WORKLOADS = {
    "Deployment": Resource("apps/v1", "deployments", namespaced=True),
    "DaemonSet": Resource("apps/v1", "daemonsets", namespaced=True),
}


def observe_addons(context: RemediationContext, observed: ClusterHealth) -> ClusterHealth:
    """Return what was observed with the health of the add-ons; None where the API does not say it."""
    try:
        with kubernetes_api(context.session, context.keys, _AT_ONCE) as client:
            return replace(observed, addons=addon_health(_ask(context, client), context.clock()))
    except WindlassError as error:
        log.warning("nothing is known of the cluster's objects: %s", error)
        return replace(observed, addons=None)


def _ask(context: RemediationContext, client: KubernetesClient) -> ObservedAddons:
    objects = observe_objects(context.session.trusting(context.keys), client)
    pairs = zip(objects.manifests, objects.drifts, strict=True)
    drifts: list[tuple[str, ObjectDrift]] = [(one.addon, drift) for one, drift in pairs if drift is not None]
    drifts += [(NODES_ADDON, drift) for drift in node_drift(context.session, client)]
    has_own_dns = spreads_dns(context.session.cluster, context.session.release.drivers)
    return ObservedAddons(drifts, _workloads(client), client.list(PODS), client.list(NODES), has_own_dns)


def _workloads(client: KubernetesClient) -> list[Workload]:
    found = [
        {**one, "kind": kind}
        for kind, resource in _WORKLOADS.items()
        for one in client.list(resource, selector=ADDON_LABEL)
    ]
    return [Workload(one["metadata"]["labels"][ADDON_LABEL], one) for one in found]


def act_on_addon(context: RemediationContext, action: Action) -> Changes:
    """Do what was planned for an add-on; what was changed."""
    session = context.session.trusting(context.keys)
    with kubernetes_api(session, context.keys, _API) as client:
        match action.kind:
            case "spread-replicas":
                return spread_dns(session, client)
            case "delete-pod":
                return _delete_pod(context, client, action)
            case _ if action.component == NODES_ADDON:
                return label_nodes(session, client)
            case _:
                return apply_differing(session, client, observe_objects(session, client), {action.component})


def _delete_pod(context: RemediationContext, client: KubernetesClient, action: Action) -> Changes:
    """Delete one pod that is stuck still, so that its controller makes another one."""
    for pod in _health(context, client, action.component).stuck[:1]:
        client.delete(PODS, pod.name, pod.namespace, uid=pod.uid)
        return (f"deleted pod {pod}",)
    return ()


def _health(context: RemediationContext, client: KubernetesClient, addon: str) -> AddonHealth:
    asked = ObservedAddons((), _workloads(client), client.list(PODS), client.list(NODES), has_own_dns=False)
    found = addon_health(asked, context.clock())
    return next((one for one in found if one.addon == addon), AddonHealth(addon))


def await_addon(context: RemediationContext, action: Action) -> float:
    """Wait until all of an add-on is available; return the seconds that took. NotReadyError if it does not come."""
    started = time.monotonic()
    with kubernetes_api(context.session, context.keys, _API) as client:
        try:
            wait_until(
                lambda: _health(context, client, action.component).trouble,
                _AVAILABLE,
                action.component,
                context.session.clock,
            )
        except NotReadyError as error:
            raise NotReadyError(f"not available again: {error}") from error
    return time.monotonic() - started
