"""Which members an etcd cluster has and how each is, put together from what hosts and members said.

A member is known by its peer address, since that is where it is and what etcd knows of one that never started. What
was observed at one address is an `ObservedMember`; `assess` makes a `Membership` of all of them, for the rules of
`windlass.domain.etcd.quorum` to judge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from windlass.domain.etcd import quorum
from windlass.domain.etcd.quorum import Membership
from windlass.domain.etcd.status import Alarm, ListedMember, MemberHealth, MemberStatus, ObservedMember, member_health
from windlass.errors import NotReadyError, RefusedError
from windlass.operation_names import Operation


@dataclass(frozen=True)
class EtcdObservation:
    """All that was observed of one etcd cluster at one time."""

    desired: Mapping[str, str]
    """Peer address of each etcd host of the spec, by its name."""
    members: Mapping[str, ObservedMember]
    """By peer address."""

    def at(self, host: str) -> ObservedMember:
        """Return what was observed of the member that should be on `host`."""
        return self.members.get(self.desired[host], ObservedMember("unknown"))

    def health(self, host: str) -> MemberHealth:
        """Judge the member on `host` by its own answer, listed or not. RefusedError if two clusters have a leader."""
        return member_health(self.at(host), cluster_id=self.cluster_id)

    @property
    def statuses(self) -> dict[str, MemberStatus]:
        """Return what the members on hosts of the spec say, by host; one that gave no answer is absent."""
        said = {host: self.at(host).status for host in self.desired}
        return {host: status for host, status in said.items() if status is not None}

    @property
    def leader(self) -> str | None:
        """Return the host of the leader; None if no member that answers leads."""
        return next((host for host, status in self.statuses.items() if status.is_leader), None)

    @property
    def has_leader(self) -> bool:
        """Say whether any member follows a leader: then there is a quorum, whoever could be asked."""
        return any(one.has_leader for one in self.members.values())

    @property
    def is_settling(self) -> bool:
        """Say whether quorum, which is not seen, may be there in a moment: enough members run, and few have a leader.

        So it is right after a leader ended, until the others have elected one, and where a member answers too late.
        """
        voters = [one for one in self.listed() if not one.is_learner]
        needed = (len(voters) or len(self.desired)) // 2 + 1
        led = sum(one.has_leader for one in self.members.values())
        running = sum(one.process == "running" or one.status is not None for one in self.members.values())
        return led < needed <= running

    @property
    def unknown(self) -> tuple[str, ...]:
        """Return the etcd hosts of the spec of whose member nothing is known."""
        found = {host: self.at(host) for host in self.desired}
        return tuple(sorted(host for host, one in found.items() if one.status is None and one.process == "unknown"))

    @property
    def revision(self) -> int | None:
        """Return the newest revision that a member reported; None if none did."""
        return max((one.status.revision for one in self.members.values() if one.status is not None), default=None)

    @property
    def reasons(self) -> dict[str, str]:
        """Return why members gave no answer, by host of the spec, or else by peer address."""
        hosts = {address: host for host, address in self.desired.items()}
        return {hosts.get(address, address): one.reason for address, one in self.members.items() if one.reason}

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms of the cluster, as its best informed member has them; empty if no member answers."""
        said = self._best_informed()
        return said.status.alarms if said is not None and said.status is not None else ()

    def listed(self) -> tuple[ListedMember, ...]:
        """Return the cluster's own list of its members; empty if no member gave one."""
        said = self._best_informed()
        return said.listed if said is not None else ()

    @property
    def cluster_id(self) -> int | None:
        """Return the id of the cluster; None if no member said one. RefusedError if two clusters have a leader."""
        led = Counter(one.status.cluster_id for one in self.members.values() if one.status and one.has_leader)
        if len(led) > 1:
            hosts = {cluster: self._hosts_of(cluster) for cluster in led}
            found = "; ".join(f"{cluster:x} on {', '.join(names)}" for cluster, names in sorted(hosts.items()))
            raise RefusedError(
                f"etcd: the hosts run {len(led)} clusters at once ({found}); see which one the API servers use, stop "
                "the stack `etcd` on the hosts of the other, then replace those members"
            )
        ids = led or Counter(one.status.cluster_id for one in self.members.values() if one.status)
        return ids.most_common(1)[0][0] if ids else None

    def _best_informed(self) -> ObservedMember | None:
        """Return the member whose list of members counts: of those with a leader the one that has applied most."""
        cluster = self.cluster_id
        listing = [one for one in self.members.values() if one.status and one.listed]
        ours = [one for one in listing if one.status and one.status.cluster_id == cluster]
        return max([one for one in ours if one.has_leader] or ours, key=_applied, default=None)

    def _hosts_of(self, cluster_id: int) -> list[str]:
        return [host for host, status in self.statuses.items() if status.cluster_id == cluster_id]


def _applied(member: ObservedMember) -> int:
    return member.status.raft_applied_index if member.status else 0


def assess(observation: EtcdObservation) -> Membership:
    """Return the members with the health of each; NotReadyError if no member said who they are."""
    listed = observation.listed()
    if not listed:
        reasons = "; ".join(observation.reasons.values()) or "nobody was asked"
        raise NotReadyError(
            f"etcd: no member answers, so that its members are not known: {reasons}; "
            f"start the stack `etcd` on its hosts, or run the DAG {Operation.RECOVER}"
        )
    return Membership(tuple(_member(one, observation) for one in listed), frozenset(observation.desired))


def name_of(member: quorum.Member, listed: Iterable[ListedMember], desired: Mapping[str, str]) -> str | None:
    """Return the host of the spec that a member is on, by its name or its address; None if it is on none."""
    if member.name in desired:
        return member.name
    addresses = {address for one in listed if one.member_id == member.id for address in one.peer_urls}
    return next((host for host, address in desired.items() if address in addresses), None)


def as_dead(membership: Membership, name: str) -> Membership:
    """Return the members with the one of that name as dead if nobody could ask it: its machine is known to be gone."""
    members = tuple(
        replace(one, health="unhealthy") if one.name == name and one.health == "unknown" else one
        for one in membership.members
    )
    return replace(membership, members=members)


def _member(listed: ListedMember, observation: EtcdObservation) -> quorum.Member:
    name = listed.name or listed.peer_urls[0]
    role: quorum.MemberRole = "learner" if listed.is_learner else "voter"
    return quorum.Member(name, listed.member_id, role, listed.has_started, _health(listed, observation))


def _health(listed: ListedMember, observation: EtcdObservation) -> MemberHealth:
    """Judge a listed member by all of its addresses: one at which it serves is enough, what is known comes next."""
    has_host = any(address in observation.desired.values() for address in listed.peer_urls)
    judged = {
        member_health(observation.members[address], listed.member_id, observation.cluster_id, has_host=has_host)
        for address in listed.peer_urls
        if address in observation.members
    }
    return "healthy" if "healthy" in judged else "unhealthy" if "unhealthy" in judged else "unknown"
