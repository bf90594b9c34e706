"""Hosts that leave a spec: only once they are no part of the cluster any more, since nothing would look after them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from windlass.domain.pki import Pki
from windlass.domain.spec.models import Host
from windlass.effects.kubernetes.client import NODES
from windlass.errors import NotReadyError, RefusedError, UnreachableError
from windlass.operation_names import Operation
from windlass.operations.cluster import ClusterSession
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.etcd.observe import observe_etcd

_ANSWERS_WITHIN = timedelta(seconds=15)


def refuse_hosts_that_are_in_use(session: ClusterSession, pki: Pki, leaving: Sequence[Host]) -> None:
    """RefusedError with what to do if one of `leaving` is a node or a member still, or if nobody answers that.

    `session` is of the cluster as it was stored.
    """
    told = [*_nodes(session, pki, leaving), *_members(session, pki, leaving)]
    if told:
        raise RefusedError(
            f"{session.cluster.name}: the spec drops hosts that may be in use; nothing was changed: {'; '.join(told)}; "
            "or put them back into the spec"
        )


def _nodes(session: ClusterSession, pki: Pki, leaving: Sequence[Host]) -> Iterator[str]:
    names = [host.name for host in leaving if host.is_node]
    if not names:
        return
    try:
        with kubernetes_api(session, pki, _ANSWERS_WITHIN) as client:
            there = {node["metadata"]["name"] for node in client.list(NODES)}
    except (NotReadyError, UnreachableError) as error:
        yield (
            f"whether {', '.join(names)} are nodes cannot be told ({error}): bring the API up first, or trigger "
            f"`{Operation.DELETE}` if the cluster never came up"
        )
        return
    for name in names:
        if name in there:
            yield (
                f"{name} is a node: `kubectl drain {name}`, stop its kubelet and what runs on it (or turn the host "
                f"off), then `kubectl delete node {name}`, and apply again"
            )


def _members(session: ClusterSession, pki: Pki, leaving: Sequence[Host]) -> Iterator[str]:
    names = [host.name for host in leaving if "etcd" in host.roles]
    if not names:
        return
    observation = observe_etcd(session, pki, answers_within=_ANSWERS_WITHIN)
    listed = observation.listed()
    if not listed:
        reasons = "; ".join(observation.reasons.values())
        yield (
            f"whether {', '.join(names)} are members of etcd cannot be told ({reasons}): heal "
            f"etcd first, or trigger `{Operation.DELETE}` if the cluster never came up"
        )
        return
    # One that was added and has not started yet has no name there, only its address.
    members = {member.name for member in listed} | {address for member in listed for address in member.peer_urls}
    for name in names:
        if {name, observation.desired[name]} & members:
            yield f"{name} is a member of etcd: remove it there while the others hold quorum, stop it, and apply again"
