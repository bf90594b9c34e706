"""Take a whole cluster away: its users' pods, what is on its hosts, what the store knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from windlass.domain.approval import Matter, digest_of
from windlass.domain.rollout.transition import merged_hosts
from windlass.domain.spec.members import with_hosts
from windlass.domain.spec.models import Cluster
from windlass.effects.providers import HostProvider
from windlass.errors import NotReadyError, RefusedError
from windlass.operations.apply.remove import check_name, drain, remove_from_hosts
from windlass.operations.cluster import Changes
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.run import ClusterRun, Tell
from windlass.operations.take_over import take_from_remediation
from windlass.operations.two_people import TwoPeople, demand_of
from windlass.operations.waiting import wait_until

_API_ANSWERS = timedelta(seconds=15)
_PATIENCE = timedelta(minutes=5)
"""How long one try waits for what had begun when the deletion was announced."""


@dataclass(frozen=True)
class DeletionRequest:
    """What a deletion was asked to do besides: hosts that need not answer, and whether bundles stay."""

    gone: tuple[str, ...]
    keep_backups: bool


def confirm_deletion(run: ClusterRun, confirmed: str, gone: Sequence[str] = ()) -> list[str]:
    """Return the hosts that the cluster will be taken off; RefusedError without the right confirmation.

    RefusedError also if one that is said to be `gone` is no host of the cluster.
    """
    check_name(run.name, confirmed)
    hosts = [host.name for host in _with_all_hosts(run).spec.hosts.members]
    if unknown := [name for name in gone if name not in hosts]:
        raise RefusedError(f"`gone` names {', '.join(unknown)}; the hosts of {run.name} are {', '.join(hosts)}")
    return hosts


def two_people_for(run: ClusterRun, request: DeletionRequest) -> TwoPeople | None:
    """Return what the deletion needs besides whoever asked for it; None if that is nobody."""
    hosts = [host.name for host in _with_all_hosts(run).spec.hosts.members]
    digest = digest_of(["delete", run.name, hosts, list(request.gone), request.keep_backups])
    return demand_of(Matter.LOSS, run.cluster(), digest)


def require_approval(run: ClusterRun, request: DeletionRequest, answer: Mapping[str, Any] | None) -> None:
    """RefusedError if two people must be behind the deletion, and `answer` is not the second's word."""
    if (demand := two_people_for(run, request)) is not None:
        demand.check(run, answer)


def announce_at_once(run: ClusterRun, request: DeletionRequest) -> None:
    """Announce the deletion, unless somebody is asked first: until then the cluster is cared for as ever."""
    if two_people_for(run, request) is None:
        announce_deletion(run)


def _with_all_hosts(run: ClusterRun) -> Cluster:
    """Return the cluster with every host that may have anything of it.

    Those that a rollout has begun to let join, and those that left and are not clean, are not in the stored spec.
    """
    cluster, rollout = run.cluster(), run.records.rollout()
    joining = rollout.members if rollout is not None else ()
    hosts = merged_hosts(cluster.spec.hosts.members, joining, (one.host for one in run.records.left_hosts()))
    # At an address that another host has by now nothing of the one that left can be found.
    members = {host.name for host in cluster.spec.hosts.members}
    taken = {host.address for host in cluster.spec.hosts.members}
    return with_hosts(cluster, [host for host in hosts if host.name in members or host.address not in taken])


def announce_deletion(run: ClusterRun) -> None:
    """Have everything that can wait stand back from now on: remediation, backups and drills.

    It holds until this run ends, however it does. RefusedError names another run that deletes the cluster.
    """
    run.delete_lease().acquire()


def take_over_to_delete(run: ClusterRun, tell: Tell) -> None:
    """Take the lease; RefusedError names the run that holds it instead.

    A remediation is waited for, which ends at its next round; then backups and drills that have begun. One that takes
    longer than that has the hosts taken from under it, and fails.
    """
    announce_deletion(run)
    take_from_remediation(run.lease(), run.clock, "delete waits", _PATIENCE, tell)
    try:
        wait_until(lambda: _at_it(run), _PATIENCE, "delete waits for backups and drills", run.clock, tell)
    except NotReadyError as error:
        tell(f"{error}; it fails now")


def _at_it(run: ClusterRun) -> str:
    holders = (lease.effective() for lease in (run.backup_lease(), run.drill_lease()))
    return "; ".join(f"{holder.owner} runs" for holder in holders if holder is not None)


def keep_leases(run: ClusterRun) -> None:
    """Renew both leases of the deletion; RefusedError if the run no longer holds them."""
    run.delete_lease().acquire()
    run.lease().heartbeat()


def drain_users(run: ClusterRun, warn: Tell) -> list[str]:
    """End the users' pods with their own grace; a cluster that does not answer any more is passed over."""
    try:
        with run.session(run.cluster()) as session, kubernetes_api(session, run.pki(), _API_ANSWERS) as client:
            return list(drain(client, session.foundation, session.clock))
    except NotReadyError as error:
        warn(f"not drained: {error}")
        return []


def take_off_hosts(run: ClusterRun, provider: HostProvider, gone: Sequence[str] = ()) -> Mapping[str, Changes]:
    """Take the cluster off its hosts, which come back reusable; those that a provider made are destroyed instead.

    Hosts that are `gone` for good need not answer. The error names every other one that is not clean.
    """
    if provider.makes_hosts:
        return dict.fromkeys(provider.destroy(run.cluster()), ("destroyed",))
    cluster = _with_all_hosts(run)
    known_to_be_gone = (one.host.name for one in run.records.left_hosts() if one.is_gone)
    with run.session(cluster) as session:
        removed = remove_from_hosts(session, {*gone, *known_to_be_gone})
    if left := [host.name for host in cluster.spec.hosts.members if host.name not in removed]:
        text = f"{', '.join(left)} did not answer and was not cleaned: it is said to be gone for good"
        run.log(f"{run.owner.dag_id}: {text}", level="warning")
    return removed


def forget_cluster(run: ClusterRun, *, keep_backups: bool) -> list[str]:
    """Remove what the store knows, and return the keys; service log and leases stay, as the record of what was done."""
    run.log(f"{run.owner.dag_id}: the cluster was taken off its hosts")
    # They may be in a bucket of their own, which only the spec names: before that is forgotten.
    backups = () if keep_backups else run.vault(run.cluster()).forget()
    return [*backups, *run.records.forget(keep_backups=keep_backups)]
