"""Take a cluster off its hosts; they come back as they were."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from windlass.domain.catalog.drivers import HostTraces
from windlass.domain.host.layout import CLUSTER_MARK
from windlass.domain.scripts.uninstall import removal_script
from windlass.domain.spec.drivers import host_traces
from windlass.domain.spec.models import Host
from windlass.effects.clock import Clock
from windlass.effects.kubernetes.client import NODES, PODS, KubernetesClient
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import values
from windlass.errors import NotReadyError, RefusedError, UnreachableError, WindlassError
from windlass.operations.apply.docker_settings import find_former_settings
from windlass.operations.cluster import Changes, ClusterSession, run_script
from windlass.operations.waiting import wait_until

_DRAIN = timedelta(seconds=30)
_REMOVAL = timedelta(minutes=10)


def check_name(cluster: str, confirmed: str) -> None:
    """RefusedError unless the cluster's name was typed as confirmation."""
    if confirmed != cluster:
        raise RefusedError(f"deleting `{cluster}` needs its name in `confirm_name`, which says `{confirmed}`")


def drain(client: KubernetesClient, foundation: frozenset[str], clock: Clock) -> Changes:
    """Cordon all nodes and end the users' pods with their own grace, as far as that goes within half a minute."""
    for node in client.list(NODES):
        client.patch(NODES, node["metadata"]["name"], {"spec": {"unschedulable": True}})
    asked = [pod for pod in client.list(PODS) if _is_users(pod, foundation)]
    for pod in asked:
        client.delete(PODS, pod["metadata"]["name"], pod["metadata"]["namespace"])
    try:
        wait_until(lambda: _left(client, foundation), _DRAIN, "drain", clock)
    except NotReadyError:
        return ("pods (some did not end in time)",)
    return ("pods",) if asked else ()


def _is_users(pod: dict[str, Any], foundation: frozenset[str]) -> bool:
    owners = pod["metadata"].get("ownerReferences", [])
    return pod["metadata"]["namespace"] not in foundation and not any(owner["kind"] == "DaemonSet" for owner in owners)


def _left(client: KubernetesClient, foundation: frozenset[str]) -> str:
    """Return the pods that are still there on a node; a replacement on a cordoned node stays pending."""
    pods = [pod for pod in client.list(PODS) if _is_users(pod, foundation) and pod["spec"].get("nodeName")]
    return ", ".join(pod["metadata"]["name"] for pod in pods)


def remove_from_hosts(session: ClusterSession, gone: Collection[str] = ()) -> dict[str, Changes]:
    """Remove all that belongs to the cluster from every host side by side; a second run changes nothing.

    A host that belongs to another cluster by now is refused and left alone. Those that answer are cleaned whatever is
    with the others; then the error names each that is not clean, and why. Hosts that are `gone` for good need not
    answer, and are not in the result if they do not.
    """
    outcomes = session.try_on_hosts(session.hosts, partial(remove_from_host, session))
    outcomes = {
        name: outcome
        for name, outcome in outcomes.items()
        if name not in gone or not isinstance(outcome.error, UnreachableError)
    }
    try:
        return values(outcomes, "remove the cluster")
    except WindlassError as error:
        silent = [name for name, outcome in outcomes.items() if isinstance(outcome.error, UnreachableError)]
        raise type(error)(f"{error}\n{_way_out(silent)}") from error


def _way_out(silent: Sequence[str]) -> str:
    way = f"bring {', '.join(silent)} back, or trigger this again with `gone` if that is for good; " if silent else ""
    return f"the cluster stays in the store until all hosts are clean: {way}a run begins where this one ended"


def remove_from_host(
    session: ClusterSession, host: Host, connection: Connection, earlier: HostTraces | None = None
) -> Changes:
    """Remove all that belongs to the cluster from one host; what was removed, which is nothing at a second run.

    With what drivers have left there that it had `earlier`.

    RefusedError if the host belongs to another cluster by now; CommandError says everything that is left there.
    """
    mark = connection.read(CLUSTER_MARK)
    if mark is not None and mark.decode().strip() != session.cluster.name:
        raise RefusedError(f"{host.name}: belongs to the cluster `{mark.decode().strip()}`; it was left alone")
    find_former_settings(connection)
    cluster = session.cluster
    traces = host_traces(cluster, session.release.drivers) + (earlier or HostTraces())
    script = removal_script(cluster.spec.network.pod_ranges, traces)
    return run_script(connection, script, timeout=_REMOVAL)
