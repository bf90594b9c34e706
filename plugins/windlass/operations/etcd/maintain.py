"""Keep etcd in order: defragment members one by one where it is worth it, and end the alarm of a full database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from windlass.domain.etcd.maintenance import (
    EtcdObservation,
    alarms_to_clear,
    compaction,
    complaints,
    next_defragmentation,
)
from windlass.domain.pki import Pki
from windlass.effects.etcd import EtcdClient
from windlass.errors import NotReadyError, RefusedError
from windlass.operations.cluster import ClusterSession
from windlass.operations.etcd.members import Members, etcd_members

_MIB = 2**20


@dataclass(frozen=True)
class MaintenanceResult:
    """What was done, and what a person must see to."""

    done: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()


def keep_in_order(session: ClusterSession, pki: Pki, is_free: Callable[[], bool]) -> MaintenanceResult:
    """Do what keeps etcd in order, each step after looking anew. It stops when `is_free` says that it is in the way.

    NotReadyError if no member leads. A member that does not answer is left alone, and then so are the others.
    """
    done: list[str] = []
    finished: frozenset[str] = frozenset()
    while is_free():
        with etcd_members(session, pki) as members:
            client, look = _look(session, members)
            if not finished and (revision := compaction(look)) is not None:
                _compact(client, revision)
                done.append(f"compacted to revision {revision}: the database was full")
            host = next_defragmentation(look, finished)
            if host is None:
                for alarm in alarms_to_clear(look):
                    client.disarm(alarm)
                    done.append(f"cleared the alarm {alarm.kind}: there is room again")
                return MaintenanceResult(tuple(done), complaints(look))
            members.clients[host].defragment()
            after = members.clients[host].status()
        finished |= {host}
        before = look.statuses[host].database_bytes
        done.append(f"{host}: defragmented from {before // _MIB} to {after.database_bytes // _MIB} MiB")
    return MaintenanceResult(tuple(done))


def _compact(client: EtcdClient, revision: int) -> None:
    try:
        client.keys.compact(revision)
    except RefusedError as error:
        if "compacted" not in str(error):  # which it was: the last time broke off after this step
            raise


def _look(session: ClusterSession, members: Members) -> tuple[EtcdClient, EtcdObservation]:
    client = next((members.clients[host] for host, status in members.statuses.items() if status.leader_id), None)
    if client is None:
        reasons = "; ".join(f"{host}: {why}" for host, why in members.unseen.items()) or "none knows a leader"
        raise NotReadyError(f"etcd cannot be kept in order: {reasons}; bring its members back first")
    desired = frozenset(host.name for host in session.cluster.hosts_with("etcd"))
    return client, EtcdObservation(members.statuses, members.unseen, client.members(), client.alarms(), desired)
