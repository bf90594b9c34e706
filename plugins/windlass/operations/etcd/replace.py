"""Replace one etcd member that failed, and no member that only has to be started again.

Everything is observed again before each step, so that the operation can be run again wherever it broke off.
"""

from __future__ import annotations

from datetime import timedelta

from windlass.domain.etcd.bootstrap import peer_url
from windlass.domain.etcd.membership import EtcdObservation, assess
from windlass.domain.etcd.quorum import Addition, Membership, Promotion, Removal, check
from windlass.domain.etcd.replacement import ReplacementStep, Start, plan_replacement
from windlass.domain.host.layout import stack_directory
from windlass.domain.scripts.etcd_member import member_ended_script, restart_member_script
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.errors import NotReadyError, RefusedError
from windlass.operation_names import Operation
from windlass.operations.apply.start import SERVING, bring_up, start_kubelet
from windlass.operations.cluster import Changes, run_script
from windlass.operations.etcd.context import ReplacementContext, serving_client
from windlass.operations.etcd.join import join, make_ready
from windlass.operations.etcd.observe import observe_members, observe_settled
from windlass.operations.waiting import wait_until

_COMES_BACK = timedelta(seconds=12)
"""How long a member that was started again may take: a replay of the log, an election, and a busy machine."""
_CATCHES_UP = timedelta(minutes=10)
COMPOSE = f"{stack_directory('etcd')}/compose.yaml"


def plan_member(work: ReplacementContext, name: str) -> tuple[ReplacementStep, ...]:
    """Return what a replacement of the member on the host `name` would do; RefusedError if it may not be done.

    NotReadyError where nobody can tell who the members are. Whether a start is enough is only found by trying.
    """
    work.host(name)
    return plan_replacement(name, assess(observe_settled(work.session, work.pki)))


def replace_member(work: ReplacementContext, name: str) -> Changes:
    """Make the host `name` a healthy voting member again; what was done, nothing if it is one.

    A member whose data is there is started again first. One that does not come back is removed, its data kept aside,
    and it joins again as a learner, which is promoted when it has caught up. RefusedError with the reason where quorum
    would not hold, or where it cannot be told.
    """
    host = work.host(name)
    observed = observe_settled(work.session, work.pki)
    if observed.health(name) == "healthy" and not plan_replacement(name, assess(observed)):
        return ()
    connection = work.session.connections.get(name)
    if _is_worth_a_start(observed, name):
        if _comes_back(work, host, connection):
            work.tell(f"{name}: etcd was started again and is healthy; it was not replaced")
            return (f"started etcd on {name}", *_replaced(work, host, connection))
        work.tell(f"{name}: etcd was started and does not come back within {_COMES_BACK.total_seconds():.0f} s")
    return _replaced(work, host, connection)


def join_member(work: ReplacementContext, name: str) -> Changes:
    """Make the host `name`, which is no voting member yet, one; what was done. Nothing else on it is started."""
    host = work.host(name)
    return _carry_out(work, host, work.session.connections.get(name))


def _replaced(work: ReplacementContext, host: Host, connection: Connection) -> Changes:
    done = _carry_out(work, host, connection)
    return (*done, *_start_the_rest(work, host, connection)) if done else ()


def _is_worth_a_start(observed: EtcdObservation, name: str) -> bool:
    """Say whether the member has its data and, for all that is known, its vote: it may only have to be started.

    That takes nothing away from quorum, so that it is tried whatever the state of the others.
    """
    member, listed = observed.at(name), observed.listed()
    voters = {address for one in listed if not one.is_learner for address in one.peer_urls}
    is_voter = not listed or observed.desired[name] in voters
    status = member.status
    is_lost = status is not None and (status.is_corrupt or status.cluster_id != observed.cluster_id)
    return bool(member.has_data) and is_voter and not is_lost and observed.health(name) != "healthy"


def _comes_back(work: ReplacementContext, host: Host, connection: Connection) -> bool:
    """Start the member, unless its host has no stack any more, and say whether it is healthy soon."""
    if connection.read(COMPOSE) is None:
        return False
    changes = run_script(connection, restart_member_script(), timeout=timedelta(minutes=2))
    if not changes:
        return False

    def lacks() -> str:
        observed = observe_members(work.session, work.pki)
        if observed.health(host.name) == "healthy":
            return ""
        # One that ended again will not do better the next time.
        if run_script(connection, member_ended_script()):
            raise RefusedError(f"{host.name}: etcd ended again")
        return f"{host.name}: etcd is {observed.health(host.name)}"

    try:
        wait_until(lacks, _COMES_BACK, f"{host.name}: start etcd again", work.session.clock)
    except (NotReadyError, RefusedError):
        return False
    return True


def _carry_out(work: ReplacementContext, host: Host, connection: Connection) -> Changes:
    """Take the steps that are left, observing etcd before each; what was done."""
    done: list[str] = []
    for _ in range(_MOST_STEPS):
        observed = observe_settled(work.session, work.pki)
        membership = assess(observed)
        steps = plan_replacement(host.name, membership)
        if not steps:
            return tuple(done)
        if any(isinstance(one.step, Start) for one in steps):
            make_ready(work, host, connection, observed)
        planned = steps[0]
        work.tell(str(planned))
        _take(work, planned.step, membership, connection)
        done.append(planned.text)
        if isinstance(planned.step, Addition):
            join(work, host, connection)
            done.append(f"start {host.name} as a learner")
    raise NotReadyError(
        f"etcd: {host.name} is no healthy member after {_MOST_STEPS} steps; others change the members too? look at "
        "`etcdctl member list`, then clear this task"
    )


_MOST_STEPS = 12


def _take(work: ReplacementContext, step: object, membership: Membership, connection: Connection) -> None:
    """Take one step through a member that serves, if the guard allows it now."""
    match step:
        case Removal(member):
            check(step, membership)
            with serving_client(work, but=connection.host) as client:
                client.remove(member.id)
        case Addition(name):
            check(step, membership)
            with serving_client(work, but=name) as client:
                client.add_learner([peer_url(work.host(name))])
        case Promotion(member):
            check(step, membership)
            _promote(work, member.id, member.name)


def _promote(work: ReplacementContext, member_id: int, name: str) -> None:
    """Give the learner its vote as soon as it has caught up."""

    # etcd refuses a learner that has not caught up with nine tenths of the leader's log ("in sync with leader"):
    # https://etcd.io/docs/v3.6/learning/design-learner/
    def lacks() -> str:
        with serving_client(work, but=name) as client:
            learners = {one.member_id for one in client.members() if one.is_learner}
            if member_id in learners:
                client.promote(member_id)
        return ""

    try:
        wait_until(lacks, _CATCHES_UP, f"etcd: {name} catches up", work.session.clock)
    except NotReadyError as error:
        raise NotReadyError(
            f"{error}; it is a learner still, without a vote, and the quorum is as it was: see to the disk of {name} "
            "and to its network, then run the same again, which goes on from here; without the host in the spec an "
            f"`{Operation.APPLY}` takes it out again"
        ) from error


def _start_the_rest(work: ReplacementContext, host: Host, connection: Connection) -> Changes:
    """Start what else the host has by its roles: nothing changes unless it came back empty."""
    changed = bring_up(connection, SERVING)
    if host.is_node:
        changed = (*changed, *start_kubelet(work.session, connection))
    return changed
