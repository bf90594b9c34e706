"""Change one etcd member: only while the others hold quorum, and with the lead handed over first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from windlass.domain.etcd import status as etcd_status
from windlass.domain.etcd.quorum import Member, Membership, Stop, check_planned_outage, check_stop, what_if
from windlass.domain.host.layout import ETCD_CLIENT_PORT, PKI, VERSION_LABEL
from windlass.domain.pki import Pki
from windlass.domain.rollout.version_skew import minor_of
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import HostOutcome
from windlass.errors import NotReadyError, RefusedError, UnreachableError
from windlass.operations.cluster import Changes, ClusterSession
from windlass.operations.etcd.clients import etcd_member
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.stacks import StackPart, change_part

_LOOK = timedelta(seconds=15)
"""A busy member counts as healthy as long as it answers within this."""
ONE_BY_ONE = 3
"""So many voters it takes to change one without an outage."""


@dataclass(frozen=True)
class MemberAnswer:
    """What one member said."""

    status: etcd_status.MemberStatus
    members: tuple[etcd_status.ListedMember, ...]
    alarms: tuple[etcd_status.Alarm, ...]


@dataclass(frozen=True)
class ObservedEtcd:
    """The members as etcd lists them, and how each sees itself."""

    membership: Membership
    statuses: Mapping[str, etcd_status.MemberStatus]
    """By host; one that does not answer is absent."""
    reasons: Mapping[str, str]
    """Why a host's member does not answer."""
    alarms: tuple[str, ...] = ()

    @property
    def leader(self) -> str | None:
        """Return the host of the leader; None if no member that answers leads."""
        return next((host for host, status in self.statuses.items() if status.is_leader), None)

    @property
    def cluster_id(self) -> str:
        """Return which etcd this is, in hex; empty if no member answers."""
        return next((f"{status.cluster_id:x}" for status in self.statuses.values()), "")

    def member(self, host: str) -> Member:
        """Return the member on `host`; RefusedError if etcd lists none so named, NotReadyError if nobody answers."""
        if not self.statuses:
            raise NotReadyError(f"no etcd member answers: {'; '.join(self.reasons.values())}")
        for member in self.membership.members:
            if member.name == host:
                return member
        raise RefusedError(f"{host}: etcd lists no member of that name; look at the members before anything is changed")


def observe_etcd(session: ClusterSession, pki: Pki) -> ObservedEtcd:
    """Ask every member how it sees itself, and which members there are."""
    hosts = session.cluster.hosts_with("etcd")
    outcomes = session.look_on_hosts(hosts, lambda host, _: _ask(session, pki, host.name))
    answers = {name: outcome.get() for name, outcome in outcomes.items() if outcome.is_ok}
    reasons = {name: str(outcome.error) for name, outcome in outcomes.items() if not outcome.is_ok}
    statuses = {name: answer.status for name, answer in answers.items()}
    healthy = {status.member_id for status in statuses.values() if status.leader_id and not status.errors}
    first = next(iter(answers.values()), None)
    members = tuple(_member(listed, healthy) for listed in (first.members if first else ()))
    alarms = tuple(f"{alarm.kind} of member {alarm.member_id:x}" for alarm in (first.alarms if first else ()))
    return ObservedEtcd(Membership(members, frozenset(host.name for host in hosts)), statuses, reasons, alarms)


def _ask(session: ClusterSession, pki: Pki, host: str) -> MemberAnswer:
    with etcd_member(session, pki, host, _LOOK) as client:
        status = client.status()
        try:
            return MemberAnswer(status, client.members(), client.alarms())
        except (NotReadyError, UnreachableError):  # there is no quorum: the list as this member has it
            return MemberAnswer(status, client.members(linearizable=False), ())


def _member(listed: etcd_status.ListedMember, healthy: set[int]) -> Member:
    return Member(
        listed.name or listed.peer_urls[0],
        listed.member_id,
        "learner" if listed.is_learner else "voter",
        started=listed.has_started,
        health="healthy" if listed.member_id in healthy else "unhealthy",
    )


def change_etcd(rollout: RolloutContext, host: str, *, stops: bool) -> Changes:
    """Change the member on `host`; RefusedError if the others would not hold quorum meanwhile.

    `stops` says whether it does stop for that: one that was changed already is only waited for.
    """
    look = observe_etcd(rollout.before, rollout.pki)
    if stops:
        _let_go(rollout, look, host)
    reached = max((status.raft_applied_index for status in look.statuses.values()), default=0)

    def missing(session: ClusterSession) -> str:
        desired = session.release.images["etcd"].removeprefix("v")
        with etcd_member(rollout.session, rollout.pki, host) as client:
            status = client.status()
        if status.version != desired:
            return f"it runs {status.version}, not {desired}"
        if not status.leader_id:
            return "it knows no leader"
        behind = reached - status.raft_applied_index
        return f"it is {behind} entries behind" if behind > 0 else ""

    part = StackPart(host, "etcd", ("etcd",), missing, rollout.limits.etcd_ready, lambda: may_go_back(rollout))
    return change_part(rollout, part)


def _let_go(rollout: RolloutContext, look: ObservedEtcd, host: str) -> None:
    """Make sure that the member may stop, and that another one leads by then."""
    member = look.member(host)
    rollout.tell(f"etcd {host}: {what_if(look.membership, Stop(member))}")
    if len(look.membership.voters) < ONE_BY_ONE and member.is_serving:
        check_planned_outage(member, look.membership)
    else:
        check_stop(member, look.membership)
    _hand_over_the_lead(rollout, look, host)


def _hand_over_the_lead(rollout: RolloutContext, look: ObservedEtcd, host: str) -> None:
    """Have another member lead before this one stops, so that no request waits for an election."""
    others = [name for name in look.statuses if name != host and look.member(name).is_serving]
    if look.leader != host or not others:
        return
    with etcd_member(rollout.before, rollout.pki, host) as client:
        client.move_leader(look.statuses[others[0]].member_id)
    rollout.tell(f"etcd {host}: {others[0]} leads now")


def may_go_back(rollout: RolloutContext) -> bool | None:
    """Whether a member may go back to the release before; None if nothing tells.

    The cluster as a whole moves on to a new minor release once all of its members run that, and what it has written by
    then the old one must not open. So a member that says what the cluster agreed on decides. Where none answers, as
    where there is only one, a container of the old release on any host shows that not all can have run the new one.
    """
    desired, before = (minor_of(session.release.images["etcd"]) for session in (rollout.session, rollout.before))
    if desired == before:
        return True
    hosts = rollout.session.cluster.hosts_with("etcd")
    agreed = _answers(rollout.session.try_on_hosts(hosts, lambda _, conn: _cluster_minor(conn)))
    if agreed:
        return all(minor < desired for minor in agreed)
    made_of = _answers(rollout.session.try_on_hosts(hosts, lambda _, conn: _container_minor(conn)))
    return True if any(minor < desired for minor in made_of) else None


def _answers(outcomes: Mapping[str, HostOutcome[int]]) -> list[int]:
    return [outcome.get() for outcome in outcomes.values() if outcome.is_ok]


def _container_minor(connection: Connection) -> int:
    """Return the minor release that the member's container here was made of, whether it runs or not."""
    label = f'{{{{index .Config.Labels "{VERSION_LABEL}"}}}}'
    argv = ["docker", "inspect", "--type", "container", "--format", label, "windlass-etcd"]
    return minor_of(connection.run(argv, sudo=True, timeout=_LOOK).stdout.strip())


def _cluster_minor(connection: Connection) -> int:
    """Return the minor release that the whole etcd cluster has agreed on, as the member here says."""
    tls = ["--cacert", f"{PKI}/etcd/ca.crt", "--cert", f"{PKI}/etcd/server.crt", "--key", f"{PKI}/etcd/server.key"]
    url = f"https://127.0.0.1:{ETCD_CLIENT_PORT}/version"
    answer = connection.run(["curl", "-fsS", "--max-time", "5", *tls, url], sudo=True).stdout
    return minor_of(f"v{json.loads(answer)['etcdcluster']}")
