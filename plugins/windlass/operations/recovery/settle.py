"""Bring the rest of a cluster to the restored state: kubelets, nodes that are gone, labels."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from windlass.domain.scripts.recreate import restart_script
from windlass.domain.spec.models import Host
from windlass.effects.kubernetes.client import NODES
from windlass.effects.ssh.connection import Connection
from windlass.operations.apply.addons import nodes_missing
from windlass.operations.apply.start import start_kubelet
from windlass.operations.cluster import Changes
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.objects.apply import apply_services
from windlass.operations.objects.nodes import label_nodes
from windlass.operations.objects.secrets import rewrite_secrets
from windlass.operations.recovery.context import RecoveryContext
from windlass.operations.waiting import wait_until

_API_READY = timedelta(seconds=90)
_NODES_READY = timedelta(seconds=120)


def settle(work: RecoveryContext, absent: Iterable[str]) -> tuple[str, ...]:
    """Restart kubelets, remove the nodes of hosts that are gone, apply what the spec picks; what was changed.

    A kubelet registers its node when it starts, and at no other time: a node that came after the snapshot would stay
    unknown. Its pods go on running meanwhile. Everything else that caches was told that it is too old, and lists again.
    """
    nodes = [host for host in work.session.hosts if host.is_node]
    restarted = work.session.on_hosts("restart kubelets", nodes, lambda host, conn: _restart_kubelet(work, host, conn))
    work.told(restarted)
    with kubernetes_api(work.session, work.pki, _API_READY) as client:
        changed = [f"removed the node {name}" for name in absent if client.delete(NODES, name)]
        changed += apply_services(work.session.trusting(work.pki), client)
        changed += rewrite_secrets(work.session, client, work.pki)
        wait_until(lambda: nodes_missing(work.session, client), _NODES_READY, "wait for nodes", work.session.clock)
        changed += label_nodes(work.session, client)
    for one in changed:
        work.tell(one)
    return tuple(changed)


def _restart_kubelet(work: RecoveryContext, _: Host, connection: Connection) -> Changes:
    if started := start_kubelet(work.session, connection):
        return started
    # What it has cached is of revisions that never were: https://github.com/kubernetes/kubernetes/issues/118501
    connection.run_script(restart_script("kubelet"))
    return ("restarted kubelet",)
