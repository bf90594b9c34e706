"""The end of a rollout: what has left and is not clean, what every control-plane host keeps, who was left out."""

from __future__ import annotations

from collections.abc import Iterable

from windlass.domain.host.layout import SEALED_PKI
from windlass.domain.rollout.record import LeftHost
from windlass.domain.rollout.upgrade_path import UpgradePath
from windlass.domain.spec.models import Cluster
from windlass.operations.apply.certificates import ensure_pki
from windlass.operations.cluster import ClusterSession
from windlass.operations.rollout.context import Views
from windlass.operations.rollout.planes import find_leftovers
from windlass.operations.run import ClusterRun


def unreachable_hosts(session: ClusterSession) -> frozenset[str]:
    """Return the hosts that do not answer now."""
    outcomes = session.observe_on_hosts(session.hosts, lambda _, connection: connection.run(["true"]))
    return frozenset(name for name, outcome in outcomes.items() if not outcome.is_ok)


def remember_gone(run: ClusterRun, path: UpgradePath, named: Iterable[str]) -> None:
    """Store which hosts are gone for good, and write it to the service log: once, when that is first said of them."""
    known = {one.host.name: one for one in run.records.left_hosts()}
    new = [name for name in named if name not in known or not known[name].is_gone]
    if not new:
        return
    hosts, now = {host.name: host for host in path.transition.known}, run.clock.now().isoformat(timespec="seconds")
    since = {name: known[name].since if name in known else now for name in new}
    gone = {name: LeftHost(hosts[name], since[name], "it is gone for good", is_gone=True) for name in new}
    run.records.save_left_hosts({**known, **gone}.values())
    run.log(
        f"{run.owner.dag_id}: gone for good, as the param `gone` of run {run.owner.run_id} says: {', '.join(new)}; "
        "etcd and the API forget such hosts without asking them; one that answers again is cleaned, and does not join",
        level="warning",
        details={"gone": new},
    )


def hosts_left(run: ClusterRun, views: Views) -> tuple[LeftHost, ...]:
    """Return the hosts that left the spec, or gave up a plane, and are not known to be clean."""
    transition = views.transition
    found = find_leftovers(views.during, transition)
    since = {one.host.name: one.since for one in run.records.left_hosts()}
    now = run.clock.now().isoformat(timespec="seconds")
    left = []
    asked = {host.name for host in transition.asked}
    for host in (*transition.leaving, *transition.shrinking):
        rest, is_gone = found.rest.get(host.name, ()), host.name in transition.gone
        is_clean = host.name in found.rest and not rest
        # An address that another host has by now says nothing any more of the one that has left.
        is_taken = host.name not in asked and host.name in transition.recorded
        if is_clean or is_taken:
            continue
        why = f"it has {', '.join(rest)}" if rest else found.unreachable.get(host.name, "it is gone for good")
        left.append(LeftHost(host, since.get(host.name, now), why, is_gone=is_gone))
    return tuple(left)


def left_nodes(cluster: Cluster, left: Iterable[LeftHost]) -> frozenset[str]:
    """Return the names under which hosts that left must not register again."""
    return frozenset(one.host.name for one in left) - {host.name for host in cluster.spec.hosts.members}


def seal_hosts(run: ClusterRun, session: ClusterSession) -> None:
    """Store the PKI without the certificates of what has left, and give control-plane hosts their sealed copy of it."""
    _, sealed = ensure_pki(run, session.cluster)
    session.on_hosts(
        "keep the sealed PKI",
        session.cluster.hosts_with("control-plane"),
        lambda _, connection: connection.put(SEALED_PKI, sealed.content, mode=0o600),
    )
