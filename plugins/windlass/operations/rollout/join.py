"""Hosts and planes that join: prepared side by side; members of etcd as learners, one at a time."""

from __future__ import annotations

from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection, RemoteFile
from windlass.operations.apply.start import install_host_certificates
from windlass.operations.cluster import Changes
from windlass.operations.etcd import ReplacementContext
from windlass.operations.etcd.replace import join_member
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.proxies import prepare_with_proxy


def prepare_joining_host(rollout: RolloutContext, host: Host, connection: Connection, sealed: RemoteFile) -> Changes:
    """Install what the host lacks and lay down files and certificates; nothing that serves is started or restarted."""
    changed = prepare_with_proxy(rollout, host, connection)
    certificates = install_host_certificates(rollout.session.cluster, rollout.pki, sealed, host, connection)
    return (*changed, *certificates)


def join_etcd(rollout: RolloutContext, name: str, sealed: RemoteFile) -> Changes:
    """Make the host a voting member: added as a learner, started without data, promoted when it has caught up.

    RefusedError where the guard of the quorum does not allow it now. What an earlier try left halfway goes first.
    """
    return join_member(ReplacementContext(rollout.during, rollout.pki, sealed, rollout.tell), name)
