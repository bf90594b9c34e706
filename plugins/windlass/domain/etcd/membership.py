"""Which members an etcd cluster has and how each is, put together from what hosts and members said.

A member is known by its peer address, since that is where it is and what etcd knows of one that never started. What
was seen of one address is a `ObservedMember`; `assess` makes a `Membership` of all of them, for the rules of
`windlass.domain.etcd.quorum` to judge.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from windlass.domain.etcd import quorum
from windlass.domain.etcd import status as etcd_status
from windlass.domain.etcd.quorum import MemberHealth, Membership
from windlass.errors import NotReadyError, RefusedError
from windlass.operation_names import Operation

Process = Literal["running", "stopped", "absent", "unknown"]

_CORRUPT = re.compile(r"memberID:(\d+) +alarm:CORRUPT")


@dataclass(frozen=True)
class ObservedMember:
    """What was seen of the member at one peer address."""

    process: Process
    """As its host says; unknown where the host did not answer, or is none of the spec's."""
    status: etcd_status.MemberStatus | None = None
    """What the member says of itself; None where it gave no answer."""
    listed: tuple[etcd_status.ListedMember, ...] = ()
    """The members that it knows; empty where it gave no answer."""
    has_data: bool | None = None
    """Whether its data directory holds a log; None where nobody could tell."""
    free_bytes: int | None = None
    """Room on the disk of its data directory; None where nobody could tell."""
    asked_from: frozenset[str] = field(default_factory=frozenset)
    """Hosts that asked it in vain over the network."""
    reason: str = ""
    """Why there is no answer."""

    @property
    def has_leader(self) -> bool:
        """Say whether the member answers and follows a leader, or leads."""
        return self.status is not None and self.status.leader_id != 0

    @property
    def is_alarmed(self) -> bool:
        """Say whether the member's own data is known to be corrupt."""
        if self.status is None:
            return False
        accused = {int(found) for error in self.status.errors for found in _CORRUPT.findall(error)}
        return self.status.member_id in accused


@dataclass(frozen=True)
class Observation:
    """All that was seen of one etcd cluster at one time."""

    desired: Mapping[str, str]
    """Peer address of each etcd host of the spec, by its name."""
    seen: Mapping[str, ObservedMember]
    """By peer address."""

    def at(self, host: str) -> ObservedMember:
        """Return what was seen of the member that should be on `host`."""
        return self.seen.get(self.desired[host], ObservedMember("unknown"))

    @property
    def has_leader(self) -> bool:
        """Say whether any member follows a leader: then there is a quorum, whoever could be seen."""
        return any(sighting.has_leader for sighting in self.seen.values())

    @property
    def unseen(self) -> tuple[str, ...]:
        """Return the etcd hosts of the spec of whose member nothing is known."""
        seen = {host: self.at(host) for host in self.desired}
        return tuple(sorted(host for host, one in seen.items() if one.status is None and one.process == "unknown"))

    @property
    def revision(self) -> int | None:
        """Return the newest revision that a member told; None if none did."""
        return max((one.status.revision for one in self.seen.values() if one.status is not None), default=None)

    def reasons(self) -> tuple[str, ...]:
        """Return why members gave no answer."""
        return tuple(one.reason for one in self.seen.values() if one.reason)

    def listed(self) -> tuple[etcd_status.ListedMember, ...]:
        """Return the cluster's own list of its members; empty if no member told one."""
        telling = self._of_cluster()
        with_leader = [one for one in telling if one.has_leader] or telling
        newest = max(with_leader, key=_applied, default=None)
        return newest.listed if newest is not None else ()

    @property
    def cluster_id(self) -> int | None:
        """Return the id of the cluster; None if no member told one. RefusedError if two clusters have a leader."""
        led = Counter(one.status.cluster_id for one in self.seen.values() if one.status and one.has_leader)
        if len(led) > 1:
            hosts = {cluster: self._hosts_of(cluster) for cluster in led}
            told = "; ".join(f"{cluster:x} on {', '.join(names)}" for cluster, names in sorted(hosts.items()))
            raise RefusedError(
                f"etcd: the hosts run {len(led)} clusters at once ({told}); see which one the API servers use, stop "
                "the stack `etcd` on the hosts of the other, then replace those members"
            )
        found = led or Counter(one.status.cluster_id for one in self.seen.values() if one.status)
        return found.most_common(1)[0][0] if found else None

    def _of_cluster(self) -> list[ObservedMember]:
        desired = self.cluster_id
        return [one for one in self.seen.values() if one.status and one.listed and one.status.cluster_id == desired]

    def _hosts_of(self, cluster_id: int) -> list[str]:
        return [
            host
            for host, address in self.desired.items()
            if (one := self.seen.get(address)) and one.status and one.status.cluster_id == cluster_id
        ]


def _applied(sighting: ObservedMember) -> int:
    return sighting.status.raft_applied_index if sighting.status else 0


def assess(observed: Observation) -> Membership:
    """Return the members with the health of each; NotReadyError if no member told who they are."""
    listed = observed.listed()
    if not listed:
        told = "; ".join(observed.reasons()) or "nobody was asked"
        raise NotReadyError(
            f"etcd: no member answers, so that its members are not known: {told}; "
            f"start the stack `etcd` on its hosts, or run the DAG {Operation.RECOVER}"
        )
    serving = frozenset(
        address for member in listed for address in member.peer_urls if _answers(member, observed, address)
    )
    members = tuple(_member(one, observed, serving) for one in listed)
    return Membership(members, frozenset(observed.desired))


def name_of(
    member: quorum.Member, listed: Iterable[etcd_status.ListedMember], desired: Mapping[str, str]
) -> str | None:
    """Return the host of the spec that a member is on, by its name or its address; None if it is on none."""
    if member.name in desired:
        return member.name
    addresses = {address for one in listed if one.member_id == member.id for address in one.peer_urls}
    return next((host for host, address in desired.items() if address in addresses), None)


def _member(listed: etcd_status.ListedMember, observed: Observation, serving: frozenset[str]) -> quorum.Member:
    name = listed.name or listed.peer_urls[0]
    role: quorum.MemberRole = "learner" if listed.is_learner else "voter"
    health = _health(listed, observed, serving)
    return quorum.Member(name, listed.member_id, role, listed.has_started, health)


def _health(listed: etcd_status.ListedMember, observed: Observation, serving: frozenset[str]) -> MemberHealth:
    sightings = [observed.seen[address] for address in listed.peer_urls if address in observed.seen]
    if any(address in serving for address in listed.peer_urls):
        return "healthy"
    if any(one.status is not None for one in sightings):
        return "unhealthy"  # another member, another cluster, no leader, or corrupt
    if any(one.process != "unknown" for one in sightings):
        return "unhealthy"  # its host says so
    is_theirs = any(address in observed.desired.values() for address in listed.peer_urls)
    if not is_theirs and any(one.asked_from for one in sightings):
        return "unhealthy"  # no host of the spec: those that have members are all who can tell
    return "unknown"


def _answers(listed: etcd_status.ListedMember, observed: Observation, address: str) -> bool:
    sighting = observed.seen.get(address)
    return (
        sighting is not None
        and sighting.status is not None
        and sighting.status.member_id == listed.member_id
        and sighting.status.cluster_id == observed.cluster_id
        and sighting.has_leader
        and not sighting.is_alarmed
    )
