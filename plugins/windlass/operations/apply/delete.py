"""Take a whole cluster away: its users' pods, what is on its hosts, what the store knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from windlass.effects.providers import HostProvider
from windlass.errors import NotReadyError
from windlass.operations.apply.remove import check_name, drain, remove_from_hosts
from windlass.operations.cluster import Changes
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.run import ClusterRun, Tell

_API_ANSWERS = timedelta(seconds=15)


def confirm_deletion(run: ClusterRun, confirmed: str) -> list[str]:
    """Return the hosts that the cluster will be taken off; RefusedError without the right confirmation."""
    check_name(run.name, confirmed)
    return [host.name for host in run.cluster().spec.hosts.members]


def drain_users(run: ClusterRun, warn: Tell) -> list[str]:
    """End the users' pods with their own grace; a cluster that does not answer any more is passed over."""
    try:
        with run.session(run.cluster()) as session, kubernetes_api(session, run.pki(), _API_ANSWERS) as client:
            return list(drain(client, session.clock))
    except NotReadyError as error:
        warn(f"not drained: {error}")
        return []


def take_off_hosts(run: ClusterRun, provider: HostProvider) -> Mapping[str, Changes]:
    """Take the cluster off its hosts, which come back reusable; those that a provider made are destroyed instead."""
    cluster = run.cluster()
    if provider.makes_hosts:
        return dict.fromkeys(provider.destroy(cluster), ("destroyed",))
    with run.session(cluster) as session:
        return remove_from_hosts(session)


def forget_cluster(run: ClusterRun, *, keep_backups: bool) -> list[str]:
    """Remove what the store knows, and return the keys; service log and lease stay, as the record of what was done."""
    run.log(f"{run.owner.dag_id}: the cluster was taken off its hosts")
    # They may be in a bucket of their own, which only the spec names: before that is forgotten.
    backups = () if keep_backups else run.vault(run.cluster()).forget()
    return [*backups, *run.records.forget(keep_backups=keep_backups)]
