"""Hosts and planes that join: prepared side by side; members of etcd as learners, one at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection, RemoteFile
from windlass.operations.apply.start import install_host_certificates
from windlass.operations.cluster import Changes
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.etcd import ReplacementContext
from windlass.operations.etcd.replace import join_member
from windlass.operations.objects.nodes import label_hosts
from windlass.operations.rollout.bar_nodes import admit_nodes
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.proxies import prepare_with_proxy

_API = timedelta(seconds=60)


def prepare_joining_host(rollout: RolloutContext, host: Host, connection: Connection, sealed: RemoteFile) -> Changes:
    """Install what the host lacks and lay down files and certificates; nothing that serves is started or restarted."""
    changed = prepare_with_proxy(rollout, host, connection)
    certificates = install_host_certificates(rollout.session.cluster, rollout.pki, sealed, host, connection)
    return (*changed, *certificates)


def let_register(rollout: RolloutContext, hosts: Iterable[Host]) -> None:
    """See that the API accepts the nodes of hosts that join, some of which may have left it once."""
    joining = [host.name for host in hosts if host.is_node and rollout.is_new(host)]
    if joining and rollout.transition is not None:
        with kubernetes_api(rollout.during, rollout.pki, _API) as client:
            for change in admit_nodes(client, joining, rollout.transition.barred):
                rollout.tell(change)


def join_etcd(rollout: RolloutContext, name: str, sealed: RemoteFile) -> Changes:
    """Make the host a voting member: added as a learner, started without data, promoted when it has caught up.

    RefusedError where the guard of the quorum does not allow it now. What an earlier try left halfway goes first.
    """
    return join_member(ReplacementContext(rollout.during, rollout.pki, sealed, rollout.tell), name)


def label_joined(rollout: RolloutContext, names: Collection[str]) -> dict[str, Changes]:
    """Give the nodes of hosts that have joined the labels and taints of the spec; by host, what was changed."""
    with kubernetes_api(rollout.during, rollout.pki, _API) as client:
        return label_hosts(rollout.session, client, names, rollout.before)
