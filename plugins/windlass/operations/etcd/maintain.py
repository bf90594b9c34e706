"""Keep etcd in order: defragment members one by one where it is worth it, and end the alarm of a full database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from windlass.domain.etcd.maintenance import alarms_to_clear, compaction, complaints, next_defragmentation
from windlass.domain.etcd.membership import EtcdObservation
from windlass.domain.pki import Pki
from windlass.effects.etcd import EtcdClient
from windlass.errors import NotReadyError, RefusedError
from windlass.operations.cluster import ClusterSession
from windlass.operations.etcd.clients import etcd_member
from windlass.operations.etcd.observe import observe_etcd

_MIB = 2**20
_ANSWERS_WITHIN = timedelta(seconds=10)


@dataclass(frozen=True)
class MaintenanceResult:
    """What was done, and what a person must see to."""

    done: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()


def keep_in_order(session: ClusterSession, pki: Pki, is_free: Callable[[], bool]) -> MaintenanceResult:
    """Do what keeps etcd in order, observing it before each step. It stops when `is_free` says that it is in the way.

    NotReadyError if no member leads. A member that does not answer is left alone, and then so are the others.
    """
    done: list[str] = []
    finished: frozenset[str] = frozenset()
    while is_free():
        observation = observe_etcd(session, pki, answers_within=_ANSWERS_WITHIN)
        with etcd_member(session, pki, _serving_host(observation), _ANSWERS_WITHIN) as client:
            if not finished and (revision := compaction(observation)) is not None:
                _compact(client, revision)
                done.append(f"compacted to revision {revision}: the database was full")
            host = next_defragmentation(observation, finished)
            if host is None:
                for alarm in alarms_to_clear(observation):
                    client.disarm(alarm)
                    done.append(f"cleared the alarm {alarm.kind}: there is room again")
                return MaintenanceResult(tuple(done), complaints(observation))
        with etcd_member(session, pki, host, _ANSWERS_WITHIN) as client:
            client.defragment()
            after = client.status()
        finished |= {host}
        before = observation.statuses[host].database_bytes
        done.append(f"{host}: defragmented from {before // _MIB} to {after.database_bytes // _MIB} MiB")
    return MaintenanceResult(tuple(done))


def _compact(client: EtcdClient, revision: int) -> None:
    try:
        client.keys.compact(revision)
    except RefusedError as error:
        if "compacted" not in str(error):  # which it was: the last time broke off after this step
            raise


def _serving_host(observation: EtcdObservation) -> str:
    """Return a host whose member serves, the leader's if that is among them."""
    healthy = [host for host in observation.statuses if observation.health(host) == "healthy"]
    if not healthy:
        reasons = "; ".join(observation.reasons.values()) or "none knows a leader"
        raise NotReadyError(f"etcd cannot be kept in order: {reasons}; bring its members back first")
    return observation.leader if observation.leader in healthy else healthy[0]
