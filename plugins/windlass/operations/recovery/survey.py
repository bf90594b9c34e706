"""See what is left of a cluster: which hosts answer, and what their etcd members say."""

from __future__ import annotations

from datetime import timedelta

from windlass.domain.backup.continuity import KUBE_SYSTEM
from windlass.domain.etcd.membership import EtcdObservation
from windlass.domain.kubeobjects import uid_of
from windlass.domain.pki import Pki
from windlass.domain.recovery import Survey
from windlass.domain.spec.flags import etcd_prefix
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.errors import ForeignHostError, WindlassError
from windlass.operations.cluster import ClusterSession
from windlass.operations.etcd import observe_settled
from windlass.operations.etcd.clients import etcd_member

_ANSWERS_WITHIN = timedelta(seconds=5)


def survey(session: ClusterSession, pki: Pki) -> Survey:
    """Return what is left; it changes nothing, and a host that does not answer is named with the reason.

    ForeignHostError names one that is another cluster's by now.
    """

    def knock(_: Host, connection: Connection) -> None:
        connection.run(["true"])

    # First of all, so that a host that is gone is waited for once and not in each step.
    outcomes = session.try_on_hosts(session.hosts, knock)
    for outcome in outcomes.values():
        # It did answer: to bring the cluster up without it is for whoever recovers to say, by the spec.
        if isinstance(outcome.error, ForeignHostError):
            raise outcome.error
    unreachable = {name: str(one.error) for name, one in outcomes.items() if one.error is not None}
    observed = observe_settled(session, pki, unreachable)
    return Survey(observed, unreachable, _life(session, pki, observed))


def _life(session: ClusterSession, pki: Pki, observed: EtcdObservation) -> str | None:
    """Return the UID of kube-system as a member with a leader has it; empty if there is none, None if none can tell."""
    key = f"{etcd_prefix(session.cluster)}/namespaces/{KUBE_SYSTEM}".encode()
    for host in observed.desired:
        if not observed.at(host).has_leader:
            continue
        try:
            with etcd_member(session, pki, host, _ANSWERS_WITHIN) as client:
                found = client.keys.get(key)
            return uid_of(found.value) if found else ""
        except WindlassError:
            continue
    return None
