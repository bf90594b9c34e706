"""Change what is left of a host: programs, files, controllers, runtime and kubelet; workers are drained around it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from windlass.domain.apply.readiness import is_ready
from windlass.domain.pki import SIGNING_FILES, SUPERSEDED
from windlass.domain.rendering import host_stacks
from windlass.domain.rollout.hooks import HOOKS, hooks_mark
from windlass.domain.scripts.leave import remove_files_script
from windlass.domain.spec.models import Cluster, Host
from windlass.effects.kubernetes.client import NODES, KubernetesClient
from windlass.effects.ssh.connection import RemoteFile
from windlass.errors import UnreachableError, WindlassError
from windlass.operations.apply.start import bring_up, install_host_certificates, start_kubelet
from windlass.operations.apply.user_stacks import remove_others
from windlass.operations.apply.virtual_address import wait_for_one_holder
from windlass.operations.cluster import Changes, ClusterSession, run_script
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.control_plane_ready import wait_for_planes
from windlass.operations.rollout.drain import pods_on, uncordon
from windlass.operations.rollout.empty_node import empty_node
from windlass.operations.rollout.hooks import hooks_around
from windlass.operations.rollout.pods_serving import serving_pods, wait_until_they_serve
from windlass.operations.rollout.proxies import prepare_with_proxy
from windlass.operations.rollout.rollback import put_back
from windlass.operations.rollout.stacks import GO_ON, DidNotComeUpError, recreate_services
from windlass.operations.waiting import wait_until

_API = timedelta(seconds=60)
_JOURNAL = ("journalctl", "-u", "kubelet", "-n", "3", "--no-pager", "-o", "cat")


def change_host(
    rollout: RolloutContext, name: str, sealed: RemoteFile | None, *, drains: bool, recreates: Sequence[str] = ()
) -> Changes:
    """Bring the rest of one host to what is wanted: drained if it must be, changed, ready again, opened again.

    A node that does not come back is put back to what ran before, and opened; the error says so. So is one whose
    controllers do not serve, or its etcd member or API server after whatever the spec's hooks did. Without `sealed`,
    the sealed PKI, all that belongs on the host lies there already, and has only to be started. Services that it
    `recreates` (`STACK/SERVICE`) start again though they are as rendered, since what they have read is another by now.
    """
    host = rollout.host(name)
    if not host.is_node:
        changed = _change(rollout, host, sealed, recreates)
        wait_for_planes(rollout, host)
        return changed
    with kubernetes_api(rollout.during, rollout.pki, _API) as client:
        if drains:
            empty_node(rollout, client, name)
        try:
            serving = serving_pods(client, name)
            changed = _change(rollout, host, sealed, recreates)
            wait_for_planes(rollout, host)
            _wait_for_node(rollout, client, rollout.session, name)
        except UnreachableError:
            raise
        except WindlassError as error:
            raise _gone_back(rollout, client, host, error) from error
        wait_until_they_serve(client, name, serving, rollout.limits.pods_ready, rollout.tell, rollout.session.clock)
        if uncordon(client, name):
            rollout.tell(f"{name}: open for pods again")
    return changed


def wait_again(rollout: RolloutContext, name: str) -> Changes:
    """Wait for a host that an earlier try changed, and open it if that left it cordoned."""
    host = rollout.host(name)
    wait_for_planes(rollout, host)
    if not host.is_node:
        return ()
    with kubernetes_api(rollout.during, rollout.pki, _API) as client:
        _wait_for_node(rollout, client, rollout.session, name)
        return ("open for pods",) if uncordon(client, name) else ()


def _wait_for_node(rollout: RolloutContext, client: KubernetesClient, session: ClusterSession, name: str) -> None:
    """Wait until the node is Ready with the kubelet of the session's release."""
    look = partial(_not_back, client, session, name)
    wait_until(look, rollout.limits.node_ready, f"{name}: its node", session.clock)


def _change(rollout: RolloutContext, host: Host, sealed: RemoteFile | None, recreates: Sequence[str]) -> Changes:
    """Lay down and start everything that is wanted of the host, with the spec's hooks around it."""
    session, connection = rollout.session, rollout.connection(host.name)
    with hooks_around(rollout, host):
        changed: list[str] = []
        if sealed is not None:
            changed += prepare_with_proxy(rollout, host, connection)
            changed += install_host_certificates(session.cluster, rollout.pki, sealed, host, connection)
        changed += remove_others(session, host, connection)
        changed += bring_up(connection, host_stacks(session.cluster, host))
        if "control-plane" in host.roles:
            wait_for_one_holder(rollout.during)
        for stack, _, service in (one.partition("/") for one in recreates):
            changed += recreate_services(connection, stack, (service,))
        if host.is_node:
            changed += start_kubelet(session, connection)
        if "control-plane" in host.roles:  # only now does nothing read them any more
            changed += run_script(connection, remove_files_script(_unread(session.cluster)))
    return (*changed, *([HOOKS] if hooks_mark(session.cluster) else []))


def _unread(cluster: Cluster) -> tuple[str, ...]:
    """Return the files of the PKI that nothing on a control-plane host reads, wherever they may still lie."""
    return SUPERSEDED if cluster.spec.security.sign_requests else (*SUPERSEDED, *SIGNING_FILES)


def _not_back(client: KubernetesClient, session: ClusterSession, name: str) -> str:
    """Return what the node lacks for counting as back: Ready by the wanted kubelet, its own pods ready."""
    node = client.get(NODES, name)
    if node is None:
        return "the API does not know it"
    info = node["status"]["nodeInfo"]
    conditions: list[dict[str, Any]] = node["status"].get("conditions", [])
    if info["kubeletVersion"] != session.release.version:
        return f"its kubelet says {info['kubeletVersion']}, not {session.release.version}"
    ready = next((one for one in conditions if one["type"] == "Ready"), None)
    if ready is None or ready["status"] != "True":
        return str(ready.get("message", "it is not Ready")) if ready else "it is not Ready"
    waiting = [pod["metadata"]["name"] for pod in pods_on(client, name) if _is_waited(pod)]
    return f"{', '.join(waiting)} not ready" if waiting else ""


def _is_waited(pod: dict[str, Any]) -> bool:
    """Whether this is a node's own pod that is not ready; one on its way out is replaced, and not waited for."""
    metadata = pod["metadata"]
    is_own = any(owner["kind"] == "DaemonSet" for owner in metadata.get("ownerReferences", []))
    return is_own and not is_ready(pod) and "deletionTimestamp" not in metadata


def _gone_back(rollout: RolloutContext, client: KubernetesClient, host: Host, error: WindlassError) -> WindlassError:
    reason = f"{error}{_journal(rollout, host.name)}"
    if rollout.before != rollout.session and not rollout.is_new(host):
        try:
            rollout.tell(f"{host.name}: putting the old version back")
            put_back(rollout, host)
            _wait_for_node(rollout, client, rollout.before, host.name)
            uncordon(client, host.name)
        except WindlassError as again:
            return DidNotComeUpError(
                f"{host.name} did not come up: {reason}; nor was it put back: {again}; its node stays cordoned; {GO_ON}"
            )
        reason = f"{reason}; the old version runs on it again"
    return DidNotComeUpError(f"{host.name} did not come up: {reason}; the cluster serves; {GO_ON}")


def _journal(rollout: RolloutContext, host: str) -> str:
    try:
        result = rollout.connection(host).run(_JOURNAL, sudo=True, check=False, timeout=timedelta(seconds=10))
    except WindlassError:
        return ""
    lines = result.stdout.strip().splitlines()
    return f" (its kubelet's log ends with: {lines[-1].strip()[:300]})" if lines else ""
