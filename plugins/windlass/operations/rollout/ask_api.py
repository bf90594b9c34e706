"""Ask what the gate looks at besides hosts and members: API servers, the objects of the API, the mirror."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from windlass.domain.apply.smoke_test import TRIALS
from windlass.domain.architectures import AMD64
from windlass.domain.artifacts import Artifact, Lock
from windlass.domain.host.layout import API_PORT
from windlass.domain.pki import Pki
from windlass.domain.rendering import cluster_images, host_installs
from windlass.domain.rollout.removed_apis import ApiUse, OwnRequest, requested
from windlass.domain.rollout.workload_rules import Workloads
from windlass.domain.spec.models import Host
from windlass.effects.kubernetes.client import NODES, PODS, Resource
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import HostOutcome
from windlass.errors import WindlassError
from windlass.operations.cluster import ClusterSession
from windlass.operations.cluster_api import credentials_of, kubernetes_api
from windlass.operations.rollout.addons import changed_add_ons
from windlass.operations.rollout.context import Views
from windlass.operations.rollout.removed_apis import scan
from windlass.operations.waiting import asked_again, wait_until

_API = timedelta(seconds=20)
_BUSY = timedelta(seconds=10)
"""A busy API server counts as ready if it is within this."""
_BUDGETS = Resource("policy/v1", "poddisruptionbudgets", namespaced=True)
_VOLUMES = Resource("v1", "persistentvolumes", namespaced=False)
_SLICES = Resource("discovery.k8s.io/v1", "endpointslices", namespaced=True)
_WEBHOOKS = tuple(
    Resource("admissionregistration.k8s.io/v1", f"{kind}webhookconfigurations", namespaced=False)
    for kind in ("validating", "mutating")
)


@dataclass(frozen=True)
class ApiAnswer:
    """What the API said, or why it said nothing."""

    workloads: Workloads
    uses: tuple[ApiUse, ...] = ()
    own: tuple[OwnRequest, ...] = ()
    add_ons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What would change of objects and nodes, a line each, with its details."""
    reason: str = ""


def lacking_artifacts(session: ClusterSession, architectures: Mapping[str, str]) -> tuple[str, ...]:
    """Return what the hosts will need and the mirror does not have; a machine that is not there yet is for amd64."""
    release = session.release
    on_hosts = [(host, architectures.get(host.name, AMD64)) for host in session.hosts]
    desired = {one.artifact for host, where in on_hosts for one in host_installs(session.cluster, release, host, where)}
    images = set(cluster_images(session.cluster, release))
    if not session.mirror.files:  # the publishers' own sites: their lock is what they answered
        known = session.lock.artifacts
        return tuple(f"{one} (not in the lock)" for one in sorted(desired | images) if one not in known)
    lacking = session.clients.missing_artifacts({one: _url(session, one) for one in sorted(desired | images)})
    return (*lacking, *_for_others_alone(session.lock, sorted(images), {where for _, where in on_hosts}))


def _for_others_alone(lock: Lock, images: Iterable[Artifact], architectures: Iterable[str]) -> Iterator[str]:
    """Give the images that the lock knows, and not for all of these architectures."""
    for image in (one for one in images if one in lock.artifacts):
        yield from (f"{image} (not for {one})" for one in sorted(architectures) if not lock.has(image, one))


def _url(session: ClusterSession, artifact: Artifact) -> str | None:
    """Return where the mirror gives an artifact; None if its lock does not know it, so that nothing can be checked."""
    if artifact not in session.lock.artifacts:
        return None
    if artifact.kind == "file":
        return session.mirror.download(artifact).url
    return f"{session.mirror.registry_url}/v2/windlass/{artifact.name}/manifests/{session.lock.digest(artifact)}"


def ask_api_servers(views: Views, pki: Pki) -> Mapping[str, HostOutcome[tuple[ApiUse, ...]]]:
    """Ask each API server whether it is ready, and for requests to what the target no longer serves."""
    session = views.session

    def ask(_: Host, connection: Connection) -> tuple[ApiUse, ...]:
        with (
            connection.forward("127.0.0.1", API_PORT) as forward,
            session.clients.kubernetes(*forward.address, credentials_of(pki)) as client,
        ):
            problem = f"{connection.host}: its API server is not ready"
            wait_until(lambda: "" if client.is_ready() else problem, _BUSY, "look at API servers", session.clock)
            # Only a release that is another has dropped anything; the metrics are many.
            return tuple(requested(client.text("/metrics"), session.release)) if views.is_upgrade else ()

    kept = {host.name for host in session.hosts} - set(views.to_be_made)
    return session.observe_on_hosts(
        [host for host in session.cluster.hosts_with("control-plane") if host.name in kept], ask
    )


def ask_api(views: Views, pki: Pki) -> ApiAnswer:
    """Ask the API for nodes, pods and what an add-on would change; the reason is in the answer if it gives none."""
    try:
        return asked_again(lambda: _what_the_api_says(views, pki))
    except WindlassError as error:
        return ApiAnswer(Workloads(), reason=str(error))


def _what_the_api_says(views: Views, pki: Pki) -> ApiAnswer:
    session = views.session.trusting(pki)
    with kubernetes_api(views.serving, pki, _API) as client:
        workloads = Workloads(
            nodes=client.list(NODES),
            pods=[pod for pod in client.list(PODS) if pod["metadata"]["namespace"] not in TRIALS],
            budgets=client.list(_BUDGETS),
            webhooks=[one for resource in _WEBHOOKS for one in client.list(resource)],
            ready_services=ready_services(client.list(_SLICES)),
            volumes=[] if views.transition.is_still else client.list(_VOLUMES),
        )
        uses, own = scan(client, session.release) if views.is_upgrade else ((), ())
        return ApiAnswer(workloads, uses, own, changed_add_ons(session, client, views.before, pki))


def ready_services(slices: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Return the services with an endpoint that is ready, as namespace/name, and on which nodes these are."""
    nodes: dict[str, frozenset[str]] = {}
    for found in slices:
        service = found["metadata"].get("labels", {}).get("kubernetes.io/service-name")
        ready = [one for one in found.get("endpoints") or [] if one.get("conditions", {}).get("ready") is not False]
        if service and ready:
            name = f"{found['metadata']['namespace']}/{service}"
            nodes[name] = nodes.get(name, frozenset()) | {one.get("nodeName", "") for one in ready}
    return nodes
