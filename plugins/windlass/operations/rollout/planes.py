"""Observe what of a transition is there: who has joined, what is left of what leaves, what new machines are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from windlass.domain.etcd.membership import EtcdObservation, name_of
from windlass.domain.etcd.quorum import Member, Membership
from windlass.domain.host.artifact_fit import check_artifacts
from windlass.domain.host.driver_fit import check_drivers_fit
from windlass.domain.host.facts import HostFacts
from windlass.domain.host.preflight import PreflightAnswer, PreflightFinding, check_hosts, foreign_host
from windlass.domain.host.virtual_address import wrong_virtual_address
from windlass.domain.rollout.transition import Presence, Transition
from windlass.domain.scripts.leave import leftovers_script
from windlass.domain.spec.members import without_hosts
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import HostOutcome
from windlass.errors import ForeignHostError
from windlass.operations.apply.gather_facts import ask_hosts
from windlass.operations.apply.lacking_modules import lacking_modules
from windlass.operations.apply.virtual_address import probe_virtual_address
from windlass.operations.cluster import Changes, ClusterSession, run_script
from windlass.operations.rollout.context import Views
from windlass.operations.rollout.observe import InspectedHost


@dataclass(frozen=True)
class Leftovers:
    """What is left on hosts that leave, or give up a plane."""

    rest: Mapping[str, Changes]
    unreachable: Mapping[str, str]


def find_leftovers(session: ClusterSession, transition: Transition) -> Leftovers:
    """Ask hosts that leave or give up a plane what they still have; that one stays gone is nothing to be told."""
    wholes = {host.name for host in transition.leaving}

    def ask(host: Host, connection: Connection) -> Changes:
        script = leftovers_script(session.cluster.name, transition.lost(host.name), is_whole=host.name in wholes)
        return run_script(connection, script)

    outcomes = session.observe_on_hosts(transition.asked, ask)
    # A host that is another cluster's by now has nothing left of this one.
    others = {name for name, outcome in outcomes.items() if isinstance(outcome.error, ForeignHostError)}
    return Leftovers(
        {name: outcome.get() for name, outcome in outcomes.items() if outcome.is_ok} | dict.fromkeys(others, ()),
        {
            name: str(outcome.error)
            for name, outcome in outcomes.items()
            if not outcome.is_ok and name not in transition.gone | others
        },
    )


def presence_of(
    looks: Mapping[str, InspectedHost],
    etcd: EtcdObservation,
    membership: Membership,
    nodes: Iterable[str] | None,
    leftovers: Leftovers,
) -> Presence:
    """Put together what was observed of the planes; `nodes` is None where the API said nothing."""
    listed = etcd.listed()
    hosts = {member: name_of(member, listed, etcd.desired) for member in membership.members}
    is_left = {name for name, rest in leftovers.rest.items() if rest}
    runs = {name for name, look in looks.items() if look.observed.running("kube-apiserver") is not None}
    return Presence(
        members=frozenset(name for name in hosts.values() if name),
        voters=frozenset(name for member, name in hosts.items() if name and _has_vote(member)),
        api_servers=frozenset(runs | (is_left - set(looks))),
        nodes=frozenset(nodes or ()),
        is_etcd_known=bool(membership.members),
        is_api_known=nodes is not None,
        rest=leftovers.rest,
    )


def _has_vote(member: Member) -> bool:
    return member.role == "voter" and member.started


def joining_findings(views: Views, looks: Mapping[str, HostOutcome[InspectedHost]]) -> tuple[PreflightFinding, ...]:
    """Return what stands in the way of hosts that carry no mark of the cluster yet.

    So does another cluster's mark, whether the host is to join or was a part of this one. That a host does not reach
    others which nobody reaches now is nothing of its own.
    """
    session, cluster = views.session, views.session.cluster
    known = {name: one.get().observed.facts for name, one in looks.items() if one.is_ok}
    new = {name for name, facts in known.items() if facts.cluster != cluster.name} - set(views.to_be_made)
    errors = [one.error for one in looks.values() if isinstance(one.error, ForeignHostError)]
    foreign = tuple(foreign_host(error.host, error.cluster) for error in errors)
    foreign += tuple(PreflightFinding(name, *told) for name, told in _wrong_new_address(views, known))
    if not new:
        return foreign
    silent = {host.name for host in session.hosts} - set(known)
    awake = replace(session, cluster=without_hosts(cluster, silent))
    answers = {name: PreflightAnswer(facts) for name, facts in known.items()}
    answers |= ask_hosts(awake, [host for host in awake.hosts if host.name in new], known)
    findings = check_hosts(awake.cluster, answers, views.taken, brings_engine=session.mirror.brings_engine)
    findings += check_artifacts(awake.cluster, session.release, (session.lock, session.mirror), answers)
    return (*foreign, *(one for one in findings if one.host in new))


def driver_findings(
    session: ClusterSession, looks: Mapping[str, HostOutcome[InspectedHost]]
) -> tuple[PreflightFinding, ...]:
    """Return what the drivers that the spec picks need, and hosts that answer have not."""
    facts = {name: one.get().observed.facts for name, one in looks.items() if one.is_ok}
    lacking = lacking_modules(session, [host for host in session.hosts if host.name in facts])
    return tuple(check_drivers_fit(session.cluster, session.release.drivers, facts, lacking))


def _wrong_new_address(views: Views, known: Mapping[str, HostFacts]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield by host what keeps a virtual address from being one that the cluster is to have from now on."""
    session, cluster = views.session, views.session.cluster
    if cluster.spec.api.virtual_address in {None, views.before.cluster.spec.api.virtual_address}:
        return
    asked = [host for host in session.hosts if known.get(host.name) and known[host.name].cluster == cluster.name]
    yield from wrong_virtual_address(cluster, known, probe_virtual_address(session, asked))


def as_expected(
    membership: Membership, etcd: EtcdObservation, transition: Transition, left_out: Collection[str] = ()
) -> Membership:
    """Return the members as they should be at this moment: who joins is not missed, who leaves is no stranger.

    A member that leaves for good is left out: it is removed, whatever its health. So are those that hosts `left_out`
    had: they are to be forgotten, or join again since their machine is new.
    """
    listed, hosts = etcd.listed(), etcd.desired
    named = {member.id: name_of(member, listed, hosts) for member in membership.members}
    members = tuple(one for one in membership.members if named[one.id] not in transition.gone | set(left_out))
    joins = {host.name for host in transition.after.hosts_with("etcd")}
    settled = tuple(one for one in members if not _is_joining(one, named[one.id], joins))
    return replace(membership, members=settled, desired=frozenset(one.name for one in settled if named[one.id]))


def _is_joining(member: Member, host: str | None, joins: set[str]) -> bool:
    return host in joins and not _has_vote(member)
