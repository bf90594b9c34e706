"""Verify a cluster by using it: names, services, volumes, logs, exec, every proxy, every certificate."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from windlass.domain.apply.readiness import is_ready
from windlass.domain.apply.smoke_test import NAME, PORT, TRIALS, VOLUME_POD, trial_objects
from windlass.domain.host.layout import API_SERVER_NAME, PKI, PROXY_PORT
from windlass.domain.pki import Pki, check_certificate, trust_bundle
from windlass.domain.pki.subjects import desired_leaves
from windlass.domain.rendering import image_reference
from windlass.domain.scripts.curl import CurlProbe
from windlass.domain.scripts.smoke_test import keep_word_script
from windlass.domain.spec.members import without_hosts
from windlass.domain.spec.models import Host
from windlass.effects.kubernetes.client import NAMESPACES, PODS, SERVICE_ACCOUNTS, KubernetesClient
from windlass.effects.ssh.connection import Connection
from windlass.errors import WindlassError
from windlass.operations.apply.addons import nodes_missing, workloads_missing
from windlass.operations.apply.check_drivers import check_drivers
from windlass.operations.cluster import ClusterSession
from windlass.operations.waiting import wait_until

_TIMEOUT = timedelta(seconds=90)
_REACH = timedelta(seconds=10)
"""For what ends within three seconds in the pod: a stream through an API server that just came up may hang."""


def verify_cluster(
    session: ClusterSession,
    pki: Pki,
    client: KubernetesClient,
    absent: Collection[str] = (),
    only: Collection[str] = (),
) -> tuple[str, ...]:
    """Try what a cluster is for, and return what was shown; NotReadyError or WindlassError names what is not so.

    Hosts that are `absent`, since they do not answer, are left out: no pod is led there, where the API may take a node
    for Ready that died just now. Pods are tried on all other nodes with a volume, or on those of `only` without one.
    """
    session = replace(session, cluster=without_hosts(session.cluster, absent))
    wait_until(lambda: nodes_missing(session, client), _TIMEOUT, "verify: nodes", session.clock)
    wait_until(lambda: _none_is_free(client), _TIMEOUT, "verify: the last trial's namespace", session.clock)
    trial = _Trial(session, client, _free_namespace(client) or TRIALS[0], f"{NAME}-{uuid4().hex[:8]}", only)
    try:
        _start(trial)  # its pods start while all else is looked at
        wait_until(
            lambda: workloads_missing(client, session.foundation, absent),
            _TIMEOUT,
            "verify: foundation services",
            session.clock,
        )
        check_drivers(session, client)
        _check_proxies(session)
        _check_certificates(session, pki)
        shown = ("all nodes Ready", "foundation services ready", "API through every proxy", "certificates")
        return (*shown, *_check_workload(trial))
    finally:
        for one in TRIALS:  # the other one is there if a trial before was killed
            client.delete(NAMESPACES, one)


def _check_proxies(session: ClusterSession) -> None:
    """Ask each host's own proxy for /readyz, as the components there do; it may still be finding its API servers."""
    url = f"https://127.0.0.1:{PROXY_PORT}/readyz"
    probe = CurlProbe(url, timedelta(seconds=5), ca=f"{PKI}/ca.crt", server_name=API_SERVER_NAME)

    def ask(_: Host, connection: Connection) -> None:
        def look() -> str:
            answer = connection.run(probe.argv, sudo=True, check=False)
            return "" if answer.exit_code == 0 else f"{connection.host}: {answer.stderr.strip()}"

        wait_until(look, _TIMEOUT, f"{connection.host}: verify its proxy", session.clock)

    session.on_hosts("verify the API through each proxy", [host for host in session.hosts if host.is_node], ask)


def _check_certificates(session: ClusterSession, pki: Pki) -> None:
    now = datetime.now(UTC)
    problems = []
    for name, desired in desired_leaves(session.cluster).items():
        authority = trust_bundle(pki, desired.signer)
        problems += [
            f"{name}: {text}"
            for text in check_certificate(pki.leaves[name].certificate, authority, desired.subject.names, now)
        ]
    if problems:
        raise WindlassError("verify: certificates: " + "; ".join(problems) + "; clear the task that seeds certificates")


@dataclass(frozen=True)
class _Trial:
    """A web server on every node, or on those of `only`, and a volume where all nodes are tried."""

    session: ClusterSession
    client: KubernetesClient
    namespace: str
    service: str
    only: Collection[str]

    @property
    def nodes(self) -> list[Host]:
        return [host for host in self.session.hosts if host.is_node and (not self.only or host.name in self.only)]

    @property
    def has_volume(self) -> bool:
        return self.session.cluster.spec.storage.driver != "none" and not self.only


def _start(trial: _Trial) -> None:
    """Make everything that is tried, and wait for nothing but what pods cannot be made without."""
    session, client = trial.session, trial.client
    image = image_reference("toolbox", session.release, session.lock, session.mirror)
    names = [host.name for host in trial.nodes]
    first, *others = trial_objects(
        image, names, has_volume=trial.has_volume, namespace=trial.namespace, service=trial.service
    )
    client.apply(first)
    # A pod without it is refused; controllers that have just been restarted take seconds to elect who makes it.
    wait_until(
        lambda: _account_missing(client, trial.namespace),
        _TIMEOUT,
        "verify: the trial's service account",
        session.clock,
    )
    for desired in others:
        client.apply(desired)


def _check_workload(trial: _Trial) -> tuple[str, ...]:
    """Reach the web servers by name from every node, write a volume and read it back."""
    session, client, namespace, nodes = trial.session, trial.client, trial.namespace, trial.nodes
    wait_until(
        lambda: _pods_missing(client, namespace, {host.name for host in nodes}, len(nodes) + trial.has_volume),
        _TIMEOUT,
        "verify: test pods",
        session.clock,
    )
    pods = {pod["spec"]["nodeName"]: pod["metadata"]["name"] for pod in client.list(PODS, namespace, "app=verify")}
    domain = session.cluster.spec.network.cluster_domain
    url = f"http://{trial.service}.{namespace}.svc.{domain}:{PORT}/"

    def reach(host: Host, _: Connection) -> None:
        wait_until(
            lambda: _reach(client, namespace, pods[host.name], url),
            _TIMEOUT,
            f"verify: service from a pod on {host.name}",
            session.clock,
        )

    session.on_hosts("verify a service from every node", nodes, reach)
    for pod in pods.values():
        client.logs(pod, namespace)
    where = f"from {', '.join(sorted(pods))}" if trial.only else "from every node"
    shown = [f"a service resolved and reached {where}", "logs and exec"]
    if trial.has_volume:
        _check_volume(client, namespace)
        shown.append("a volume written and read back")
    return tuple(shown)


def _free_namespace(client: KubernetesClient) -> str:
    """Return a namespace that a trial can use; empty if all are on their way out, where nothing can be made."""
    found = {one: client.get(NAMESPACES, one) for one in TRIALS}
    free = [one for one, known in found.items() if known is None or "deletionTimestamp" not in known["metadata"]]
    return free[0] if free else ""


def _none_is_free(client: KubernetesClient) -> str:
    return "" if _free_namespace(client) else f"{' and '.join(TRIALS)} are still being removed"


def _account_missing(client: KubernetesClient, namespace: str) -> str:
    found = client.get(SERVICE_ACCOUNTS, "default", namespace)
    return "" if found else "no controller manager has made it yet; see its log on the control-plane hosts"


def _reach(client: KubernetesClient, namespace: str, pod: str, url: str) -> str:
    try:
        answer = client.execute(pod, namespace, ["timeout", "3", "wget", "-q", "-O", "-", url], _REACH)
    except WindlassError as error:
        return str(error)
    return "" if answer.strip() == "windlass" else f"{url} answered `{answer.strip()[:80]}`"


def _check_volume(client: KubernetesClient, namespace: str) -> None:
    word = datetime.now(UTC).strftime("%H%M%S%f")
    answer = client.execute(VOLUME_POD, namespace, [*keep_word_script().argv_with_text, word])
    if answer.strip() != word:
        raise WindlassError(f"verify: the volume gave back `{answer.strip()[:80]}`; look at the storage driver's log")


def _pods_missing(client: KubernetesClient, namespace: str, nodes: Collection[str], desired: int) -> str:
    pods = [pod for pod in client.list(PODS, namespace) if pod["spec"].get("nodeName", "") in {"", *nodes}]
    waiting = [_why(pod) for pod in pods if not is_ready(pod)]
    if len(pods) < desired:
        waiting.append(f"{desired - len(pods)} of {desired} pods are not made yet")
    return "; ".join(waiting)


def _why(pod: dict[str, Any]) -> str:
    states = [state for one in pod["status"].get("containerStatuses", []) for state in one["state"].values()]
    reasons = [state.get("message") or state.get("reason", "") for state in states]
    where = pod["spec"].get("nodeName", "no node yet")
    return f"{pod['metadata']['name']} on {where}: {next(filter(None, reasons), pod['status'].get('phase', ''))}"
