"""Change one etcd member: only while the others hold quorum, and with the lead handed over first."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import timedelta

from windlass.domain.bounded import read_from
from windlass.domain.etcd.change import check_change, member_named
from windlass.domain.etcd.membership import EtcdObservation, assess
from windlass.domain.etcd.quorum import Membership, Stop, what_if
from windlass.domain.etcd.status import status_health
from windlass.domain.host.layout import ETCD_CLIENT_PORT, PKI, VERSION_LABEL
from windlass.domain.rollout.version_skew import minor_of
from windlass.domain.scripts.curl import CurlProbe
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import HostOutcome
from windlass.operations.cluster import Changes, ClusterSession
from windlass.operations.etcd.clients import etcd_member
from windlass.operations.etcd.observe import observe_etcd, settled
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.stacks import StackPart, change_part

ANSWERS_WITHIN = timedelta(seconds=15)
"""A busy member counts as healthy as long as it answers within this."""


def change_etcd(rollout: RolloutContext, host: str, *, stops: bool, recreates: bool = False) -> Changes:
    """Change the member on `host`; RefusedError if the others would not hold quorum meanwhile.

    `stops` says whether it does stop for that: one that was changed already is only waited for. `recreates` has it
    start again though it is as rendered, since what it has read is another by now.
    """
    during, pki = rollout.during, rollout.pki
    observation = settled(lambda: observe_etcd(during, pki, answers_within=ANSWERS_WITHIN), during.clock)
    if stops:
        _let_go(rollout, observation, host)
    reached = max((status.raft_applied_index for status in observation.statuses.values()), default=0)

    def missing(session: ClusterSession) -> str:
        desired = session.release.images["etcd"].removeprefix("v")
        with etcd_member(rollout.session, rollout.pki, host) as client:
            status = client.status()
        if status.version != desired:
            return f"it runs {status.version}, not {desired}"
        if not status.leader_id:
            return "it knows no leader"
        if status_health(status) != "healthy":
            return f"it is {status_health(status)}: {'; '.join(status.errors)}"
        behind = reached - status.raft_applied_index
        return f"it is {behind} entries behind" if behind > 0 else ""

    within = rollout.limits.etcd_ready
    part = StackPart(host, "etcd", ("etcd",), missing, within, lambda: may_go_back(rollout), recreates=recreates)
    return change_part(rollout, part)


def _let_go(rollout: RolloutContext, observation: EtcdObservation, host: str) -> None:
    """Make sure that the member may stop, and that another one leads by then."""
    membership = assess(observation)
    member = member_named(host, membership)
    rollout.tell(f"etcd {host}: {what_if(membership, Stop(member))}")
    check_change(member, membership, observation)
    if observation.leader == host:
        hand_over_the_lead(rollout, membership, host)


def hand_over_the_lead(rollout: RolloutContext, membership: Membership, host: str, among: Collection[str] = ()) -> None:
    """Have another member lead before this one stops, one of `among` if it can, so that no request waits.

    etcd hands over by itself when it stops, to any member, and waits for one that is gone:
    https://github.com/etcd-io/etcd/pull/6038, https://github.com/etcd-io/etcd/issues/15702
    """
    heirs = [voter for voter in membership.voters if voter.name != host and voter.is_serving]
    heir = min(heirs, key=lambda one: one.name not in among, default=None)
    if heir is None:
        return
    with etcd_member(rollout.during, rollout.pki, host) as client:
        client.move_leader(heir.id)
    rollout.tell(f"etcd {host}: {heir.name} leads now")


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
    return minor_of(connection.run(argv, sudo=True, timeout=ANSWERS_WITHIN).stdout.strip())


def _cluster_minor(connection: Connection) -> int:
    """Return the minor release that the whole etcd cluster has agreed on, as the member here says."""
    url, pki = f"https://127.0.0.1:{ETCD_CLIENT_PORT}/version", f"{PKI}/etcd"
    probe = CurlProbe(url, timedelta(seconds=5), ca=f"{pki}/ca.crt", client=f"{pki}/server")
    answer = connection.run(probe.argv, sudo=True).stdout
    with read_from(f"{connection.host}: the version that etcd says", "see what answers at its port for clients"):
        return minor_of(f"v{json.loads(answer)['etcdcluster']}")
