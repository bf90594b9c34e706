"""Hosts and planes that join: prepared side by side; members of etcd as learners, one at a time."""

from __future__ import annotations

from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection, RemoteFile
from windlass.operations.apply.prepare import prepare_host
from windlass.operations.apply.start import install_host_certificates
from windlass.operations.cluster import Changes
from windlass.operations.etcd import ReplacementContext
from windlass.operations.etcd.replace import join_member
from windlass.operations.rollout.context import RolloutContext


def prepare_hosts_that_join(rollout: RolloutContext, names: tuple[str, ...], sealed: RemoteFile) -> dict[str, Changes]:
    """Install what the hosts lack and lay down files and certificates; nothing that serves is started or restarted."""

    def prepare(host: Host, connection: Connection) -> Changes:
        changed = prepare_host(rollout.session, host, connection)
        cluster = rollout.session.cluster
        return (*changed, *install_host_certificates(cluster, rollout.pki, sealed, host, connection))

    return rollout.session.on_hosts("prepare hosts", [rollout.host(name) for name in names], prepare)


def join_etcd(rollout: RolloutContext, name: str, sealed: RemoteFile) -> Changes:
    """Make the host a voting member: added as a learner, started without data, promoted when it has caught up.

    RefusedError where the guard of the quorum does not allow it now. What an earlier try left halfway goes first.
    """
    return join_member(ReplacementContext(rollout.during, rollout.pki, sealed, rollout.tell), name)
