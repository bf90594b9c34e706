"""Gather what the gate looks at: all hosts, all members, all API servers and the objects of the API, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from windlass.domain.apply.smoke_test import NAMESPACE as TRIAL
from windlass.domain.artifacts import Artifact, Lock
from windlass.domain.etcd.membership import EtcdObservation, assess
from windlass.domain.etcd.quorum import Membership
from windlass.domain.host.containers import Container
from windlass.domain.host.layout import API_PORT
from windlass.domain.pki import Pki
from windlass.domain.pki.issuance import expiring
from windlass.domain.rendering import host_images, host_installs
from windlass.domain.rollout import HostState, RunningVersions
from windlass.domain.rollout.gate_rules import GateInputs, Workloads
from windlass.domain.rollout.removed_apis import ApiUse, OwnRequest, requested, without_own
from windlass.domain.rollout.version_skew import proxy_versions
from windlass.domain.spec.models import Host
from windlass.effects.kubernetes.client import NODES, PODS, Resource
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import HostOutcome
from windlass.errors import NotReadyError, RefusedError, WindlassError
from windlass.operations.cluster import ClusterSession
from windlass.operations.cluster_api import credentials_of, kubernetes_api
from windlass.operations.etcd.observe import observe_etcd
from windlass.operations.rollout.addons import changed_add_ons
from windlass.operations.rollout.drain import is_ours
from windlass.operations.rollout.etcd import ANSWERS_WITHIN
from windlass.operations.rollout.observe import InspectedHost, drifted_parts, observe_hosts
from windlass.operations.rollout.removed_apis import scan
from windlass.operations.waiting import asked_again, wait_until

_API = timedelta(seconds=20)
_BUSY = timedelta(seconds=10)
"""A busy API server counts as ready if it is within this."""
_BUDGETS = Resource("policy/v1", "poddisruptionbudgets", namespaced=True)
_SLICES = Resource("discovery.k8s.io/v1", "endpointslices", namespaced=True)
_WEBHOOKS = tuple(
    Resource("admissionregistration.k8s.io/v1", f"{kind}webhookconfigurations", namespaced=False)
    for kind in ("validating", "mutating")
)
_EVER = timedelta(days=36_500)
_UNPACKED = 2.5
"""How much room something takes once it is fetched and unpacked, in terms of its own size."""


@dataclass(frozen=True)
class GatheredInputs:
    """What was seen, and what a plan needs besides: who leads which etcd, and which objects would change."""

    gate_inputs: GateInputs
    leader: str | None
    etcd_id: str
    add_ons: tuple[str, ...]


def gather(session: ClusterSession, before: ClusterSession, pki: Pki) -> GatheredInputs:
    """Look at everything; what could not be seen is in the result as a reason, not as an error."""
    with ThreadPoolExecutor(max_workers=6) as pool:
        looks = pool.submit(observe_hosts, session, pki)
        old_looks = pool.submit(observe_hosts, before, pki)
        etcd = pool.submit(observe_etcd, before, pki, answers_within=ANSWERS_WITHIN)
        servers = pool.submit(_ask_api_servers, session, pki)
        objects = pool.submit(_ask_api, session, before, pki)
        lacking = pool.submit(_lacking, session)
    return _together(
        session,
        before,
        pki,
        _Answers(
            looks.result(), old_looks.result(), etcd.result(), servers.result(), objects.result(), lacking.result()
        ),
    )


@dataclass(frozen=True)
class _Api:
    """What the API said, or why it said nothing."""

    workloads: Workloads
    uses: tuple[ApiUse, ...] = ()
    own: tuple[OwnRequest, ...] = ()
    add_ons: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class _Answers:
    looks: Mapping[str, HostOutcome[InspectedHost]]
    old_looks: Mapping[str, HostOutcome[InspectedHost]]
    etcd: EtcdObservation
    servers: Mapping[str, HostOutcome[tuple[ApiUse, ...]]]
    api: _Api
    lacking: tuple[str, ...]


def _together(session: ClusterSession, before: ClusterSession, pki: Pki, found: _Answers) -> GatheredInputs:
    looks = {name: outcome.get() for name, outcome in found.looks.items() if outcome.is_ok}
    old = {name: outcome.get() for name, outcome in found.old_looks.items() if outcome.is_ok}
    servers = {name: str(outcome.error) for name, outcome in found.servers.items() if not outcome.is_ok}
    if found.api.reason:
        servers["the API"] = found.api.reason
    asked = {use for outcome in found.servers.values() if outcome.is_ok for use in outcome.get()}
    requests, unsure = without_own(asked, found.api.own)
    membership, cluster_id, etcd_reasons = _judged(found.etcd)
    gate_inputs = GateInputs(
        running=running_versions(looks, found.etcd, found.api.workloads, (session.lock, before.lock)),
        states=with_cordons({name: look.state for name, look in looks.items()}, found.api.workloads),
        drifted=drifted_parts(old, looks),
        unreachable={name: str(outcome.error) for name, outcome in found.looks.items() if not outcome.is_ok},
        membership=membership,
        etcd_reasons=etcd_reasons,
        alarms=found.etcd.alarms if cluster_id else (),
        api_reasons=servers,
        workloads=found.api.workloads,
        uses=tuple(sorted({*requests, *found.api.uses})),
        unsure_uses=unsure,
        expiries={one.name: one.not_after for one in expiring(pki, datetime.now(UTC), _EVER)},
        free_kib={name: _free(look.observed.facts.disk_free_kib) for name, look in looks.items()},
        needed_kib={name: _needed(session, name, look) for name, look in looks.items()},
        lacking=found.lacking,
    )
    return GatheredInputs(gate_inputs, found.etcd.leader, cluster_id, found.api.add_ons)


def _judged(etcd: EtcdObservation) -> tuple[Membership, str, Mapping[str, str]]:
    """Return the members, the id of their cluster in hex, and why members do not answer or cannot be judged."""
    try:
        return assess(etcd), f"{etcd.cluster_id:x}", etcd.reasons
    except (NotReadyError, RefusedError) as error:  # no member answers, or members of two clusters do
        return Membership((), frozenset(etcd.desired)), "", {**etcd.reasons, "etcd": str(error)}


def with_cordons(states: Mapping[str, HostState], workloads: Workloads) -> dict[str, HostState]:
    """Return the states with what an earlier rollout left cordoned among what is to be changed."""
    left = {node["metadata"]["name"] for node in workloads.nodes if is_ours(dict(node))}
    return {
        name: HostState({**state.stale, "cordon": "open for pods again"}, state.missing) if name in left else state
        for name, state in states.items()
    }


def running_versions(
    looks: Mapping[str, InspectedHost], etcd: EtcdObservation, workloads: Workloads, locks: Iterable[Lock]
) -> RunningVersions:
    """Return which version of each component runs where; a proxy's is that of its image's digest in `locks`."""

    def of(component: str) -> dict[str, str]:
        found = {name: look.observed.running(component) for name, look in looks.items()}
        return {name: one.version or "" for name, one in found.items() if isinstance(one, Container)}

    return RunningVersions(
        etcd={name: f"v{status.version}" for name, status in etcd.statuses.items()},
        api_servers=of("kube-apiserver"),
        managers=of("kube-controller-manager"),
        schedulers=of("kube-scheduler"),
        kubelets={one["metadata"]["name"]: one["status"]["nodeInfo"]["kubeletVersion"] for one in workloads.nodes},
        proxies=proxy_versions(workloads.pods, locks),
    )


def _free(disks: Mapping[str, int]) -> int:
    """Return the room on the fullest of the file systems that programs, images and data lie on."""
    return min(disks.values(), default=0)


def _needed(session: ClusterSession, name: str, look: InspectedHost) -> int:
    """Return the KiB that fetching what the host lacks takes."""
    host = next(host for host in session.hosts if host.name == name)
    desired = [install.artifact for install in host_installs(session.release, host)]
    desired += [
        image.artifact for image in host_images(session.cluster, session.release, host, session.lock, session.mirror)
    ]
    lacking = set(look.state.missing)
    sizes = (
        session.lock.artifacts[one].size
        for one in set(desired)
        if _label(one) in lacking and one in session.lock.artifacts
    )
    return int(sum(sizes) * _UNPACKED / 1024)


def _label(artifact: Artifact) -> str:
    prefix = "image " if artifact.kind == "image" else ""
    return f"{prefix}{artifact.name} {artifact.version}"


def _lacking(session: ClusterSession) -> tuple[str, ...]:
    desired = {install.artifact for host in session.hosts for install in host_installs(session.release, host)}
    desired |= {
        session.release.artifact("image", name)
        for name in session.release.images
        if not name.startswith(("metallb", "metrics-server")) or _uses(session, name)
    }
    if not session.mirror.files:  # the publishers' own sites: their lock is what they answered
        return tuple(f"{one} (not in the lock)" for one in sorted(desired) if one not in session.lock.artifacts)
    return session.clients.missing_artifacts({one: _url(session, one) for one in sorted(desired)})


def _url(session: ClusterSession, artifact: Artifact) -> str | None:
    """Return where the mirror gives an artifact; None if its lock does not know it, so that nothing can be checked."""
    if artifact not in session.lock.artifacts:
        return None
    if artifact.kind == "file":
        return session.mirror.download(artifact).url
    return f"{session.mirror.registry_url}/v2/windlass/{artifact.name}/manifests/{session.lock.digest(artifact)}"


def _uses(session: ClusterSession, image: str) -> bool:
    spec = session.cluster.spec
    return image.startswith((spec.load_balancer.driver, spec.monitoring.driver))


def _ask_api_servers(session: ClusterSession, pki: Pki) -> Mapping[str, HostOutcome[tuple[ApiUse, ...]]]:
    """Ask each API server whether it is ready, and for requests to what the target no longer serves."""

    def ask(_: Host, connection: Connection) -> tuple[ApiUse, ...]:
        with (
            connection.forward("127.0.0.1", API_PORT) as forward,
            session.clients.kubernetes(*forward.address, credentials_of(pki)) as client,
        ):
            problem = f"{connection.host}: its API server is not ready"
            wait_until(lambda: "" if client.is_ready() else problem, _BUSY, "look at API servers", session.clock)
            return tuple(requested(client.text("/metrics"), session.release))

    return session.observe_on_hosts(session.cluster.hosts_with("control-plane"), ask)


def _ask_api(session: ClusterSession, before: ClusterSession, pki: Pki) -> _Api:
    try:
        return asked_again(lambda: _what_the_api_says(session, before, pki))
    except WindlassError as error:
        return _Api(Workloads(), reason=str(error))


def _what_the_api_says(session: ClusterSession, before: ClusterSession, pki: Pki) -> _Api:
    with kubernetes_api(session, pki, _API) as client:
        workloads = Workloads(
            nodes=client.list(NODES),
            pods=[pod for pod in client.list(PODS) if pod["metadata"]["namespace"] != TRIAL],
            budgets=client.list(_BUDGETS),
            webhooks=[one for resource in _WEBHOOKS for one in client.list(resource)],
            ready_services=ready_services(client.list(_SLICES)),
        )
        uses, own = scan(client, session.release)
        return _Api(workloads, uses, own, changed_add_ons(session, client, before, pki))


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
