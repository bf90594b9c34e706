"""Plan repairs: everything that a cluster asks for, less what the guards hold back.

The guards, in the order in which they are asked:

- The spec may turn repair off, or show drift only. What a person asked for is done in either case.
- Nothing is done to what could not be seen, or to a service whose strategy is `none`.
- A service that starts is given its time to answer first.
- What only differs is left alone while a roll has begun and not ended: it may be what the roll has changed already.
- What works and only differs is not stopped while another host of the control plane is not well, nor on more workers
  at a time than may be ill. A service with the strategy `recreateOnQuorum` is stopped while enough others are healthy.
- etcd: a member is only replaced, or a running one stopped, as far as `windlass.domain.etcd.quorum` allows. Without
  quorum nothing else of the control plane is touched, since it could not come back; where members cannot be brought
  back either, repair stops and offers disaster recovery.
- A thing is tried at most `spec.repair.tries` times in a row, with growing pauses; then repair stops.
- At most one repair of the control plane goes at a time. When more workers are ill than
  `spec.repair.maxUnhealthyWorkers` allows, none is touched: that is no worker's fault any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from windlass.domain.etcd.quorum import Membership, Removal, check
from windlass.domain.etcd.quorum import Stop as StopMember
from windlass.domain.host.health import CONTROL_PLANE, ETCD, GONE, STARTED, ClusterHealth, HostHealth, Sight
from windlass.domain.host.layout import DATA
from windlass.domain.remediation.actions import Action, Deferred, NeedsOperator, RemediationPlan
from windlass.domain.remediation.candidates import candidates
from windlass.domain.remediation.history import History
from windlass.domain.remediation.worker_limit import DISK, brake_workers, cordons, uncordons
from windlass.domain.spec.models import Repair as RepairSettings
from windlass.errors import RefusedError
from windlass.operation_names import Operation

RECOVER = f"bring its hosts back, or trigger `{Operation.RECOVER}`, which restores the newest bundle"

_LOOK_AGAIN = timedelta(seconds=20)


@dataclass(frozen=True)
class RunOrigin:
    """How a run came to be: by the watch, or by a person, whose word outweighs what the spec turns off."""

    by_person: bool = False


def plan_actions(
    settings: RepairSettings, seen: ClusterHealth, history: History, asked: RunOrigin | None = None
) -> RemediationPlan:
    """Return what to do now about what was seen; acting, seeing again and planning again ends with an empty plan."""
    by_person = asked is not None and asked.by_person
    desired = candidates(seen, {key: history.failed(key, seen.at) for key in history.tries})
    reported = [one for one in desired if one.is_drift and settings.drift == "report" and not by_person]
    guard = _ActionFilter(settings, seen, history, is_allowed=settings.enabled or by_person)
    held, stops = [], [*_lost_quorum(seen), *_useless_hosts(seen)]
    due: list[Action] = []
    for repair in (one for one in desired if one not in reported):
        verdict = guard.judge(repair)
        match verdict:
            case None:
                due.append(repair)
            case Deferred():
                held.append(verdict)
            case NeedsOperator():
                stops.append(verdict)
    now, later = _one_at_a_time(seen, due)
    now, braked, brake = brake_workers(settings, seen, now)
    nodes = [] if by_person else list(cordons(seen, stops))
    if guard.is_allowed:
        nodes += uncordons(seen, stops, desired)
    stops += [*brake, *_missing_machines(held)]
    return RemediationPlan((*now, *nodes), (*held, *later, *braked), tuple(stops), tuple(reported))


@dataclass(frozen=True)
class _ActionFilter:
    """Judges one repair after another; None lets it pass."""

    settings: RepairSettings
    seen: ClusterHealth
    history: History
    is_allowed: bool

    def judge(self, repair: Action) -> Deferred | NeedsOperator | None:
        host = self.seen.host(repair.host)
        if not self.is_allowed:
            return Deferred(repair, "the spec turns repair off (spec.repair.enabled)")
        if host.other_version and (repair.is_drift or repair.kind == "renew-certificates"):
            return Deferred(
                repair, f"the host runs {host.other_version}; trigger `{Operation.UPGRADE}` to bring it to the spec"
            )
        if self.seen.rollout and repair.is_drift:
            return Deferred(repair, f"{self.seen.rollout}; trigger `{Operation.UPGRADE}` to bring it to its end")
        if host.is_full and repair.kind != "restart-unit":
            return Deferred(
                repair, "its disk is full, and nothing that is started comes up", self.seen.at + _LOOK_AGAIN
            )
        return self._service(host, repair) or self._others(host, repair) or self._quorum(repair) or self._tries(repair)

    def _service(self, host: HostHealth, repair: Action) -> Deferred | None:
        service = host.service(repair.thing)
        if service is None:
            return None
        if service.strategy == "none" and not repair.is_drift:
            return Deferred(repair, "its strategy is `none`: it is watched, and left to its owner")
        is_judged = repair.is_drift or repair.key in self.seen.reports or service.state not in STARTED
        is_judged = is_judged or service.answers == "healthy" or service.is_crashing
        left = timedelta(0) if service.age is None or is_judged else service.initializing - service.age
        return Deferred(repair, "it is still starting", self.seen.at + left) if left > timedelta(0) else None

    def _others(self, host: HostHealth, repair: Action) -> Deferred | None:
        """Judge by how its like on other hosts are; a member of etcd is judged by what etcd says of its members."""
        service = host.service(repair.thing)
        if service is None or service.component == ETCD:
            return None
        if repair.is_drift and not host.is_worker:
            ill = [one.name for one in self.seen.hosts if one != host and not one.is_worker and self.seen.is_ill(one)]
            if ill:
                return Deferred(repair, f"{', '.join(ill)} is not well, and what works is not stopped meanwhile")
        if service.strategy == "recreateOnQuorum" and service.state not in GONE:
            healthy = sum(
                _health(self.seen, one, service.component) == "healthy" for one in self.seen.hosts if one != host
            )
            if healthy < service.quorum:
                return Deferred(repair, f"{healthy} others of it are healthy, and its strategy wants {service.quorum}")
        return None

    def _quorum(self, repair: Action) -> Deferred | NeedsOperator | None:
        if repair.kind == "replace-host":
            return self._lost_member(repair)
        if repair.thing == ETCD:
            return self._member(repair)
        if repair.thing in CONTROL_PLANE and _is_quorum_lost(self.seen):
            return Deferred(repair, "etcd has no quorum, without which it cannot come back")
        return None

    def _member(self, repair: Action) -> Deferred | NeedsOperator | None:
        membership, host = self.seen.membership, self.seen.host(repair.host)
        service = host.service(ETCD)
        is_stopped = service is not None and service.state != "running"
        if repair.kind == "recreate" and host.has_member_data is not True:
            # With an empty directory it would begin a new, empty cluster as soon as a majority of members does so.
            told = "are gone" if host.has_member_data is False else "could not be seen"
            return Deferred(repair, f"its data {told}, and without them it must not start by itself")
        if repair.kind == "recreate" and is_stopped and not repair.is_drift:
            return None  # starting what has stopped takes nothing from anybody, and may bring quorum back
        if membership is None and repair.kind == "recreate" and _do_none_serve(self.seen):
            return None  # starting one anew takes nothing from anybody either
        if membership is None:
            return Deferred(repair, "no other member could be asked, so that nobody knows whether quorum would last")
        try:
            _check_member(membership, repair)
        except RefusedError as refusal:
            is_final = repair.kind == "replace-member"
            return NeedsOperator(repair.key, str(refusal), RECOVER) if is_final else Deferred(repair, str(refusal))
        return None

    def _lost_member(self, repair: Action) -> Deferred | NeedsOperator | None:
        """Judge the replacement of a machine by what it means for the member that was on it."""
        if self.seen.host(repair.host).service(ETCD) is None:
            return None
        if self.seen.membership is None:
            return Deferred(repair, "no member could be asked, so that nobody knows whether etcd can take a new one")
        try:
            _check_member(_without_doubt(self.seen.membership, repair.host), replace(repair, kind="replace-member"))
        except RefusedError as refusal:
            return NeedsOperator(repair.key, str(refusal), RECOVER)
        return None

    def _tries(self, repair: Action) -> Deferred | NeedsOperator | None:
        now, count = self.seen.at, self.history.count(repair.key, self.seen.at)
        if count >= self.settings.tries:
            why = f"{repair.thing} on {repair.host} was repaired {count} times and is still ill: {repair.reason}"
            what_next = f"look at its log on {repair.host}, then trigger `{Operation.REMEDIATE}`"
            return NeedsOperator(repair.key, why, what_next)
        free_at = self.history.free_at(repair.key, now)
        return Deferred(repair, f"it was tried {count} times", free_at) if free_at > now else None


def _check_member(membership: Membership, repair: Action) -> None:
    member = next((one for one in membership.members if one.name == repair.host), None)
    if member is None:
        if not membership.has_quorum:
            raise RefusedError(f"etcd: adding {repair.host} is refused: only {membership.count} voters are healthy")
        return
    check(Removal(member) if repair.kind == "replace-member" else StopMember(member), membership)


def _without_doubt(membership: Membership, name: str) -> Membership:
    """Return the members with the one on a machine that is gone as what it is: not unseen, but dead."""
    members = tuple(
        replace(one, health="unhealthy") if one.name == name and one.health == "unknown" else one
        for one in membership.members
    )
    return replace(membership, members=members)


def _one_at_a_time(seen: ClusterHealth, due: list[Action]) -> tuple[list[Action], list[Deferred]]:
    """Let the first repair of the control plane pass, the first new machine, and all others; hold back the rest."""
    machines = [one for one in due if one.kind == "replace-host"][1:]
    due = [one for one in due if one not in machines]
    ours = [one for one in due if not seen.host(one.host).is_worker]
    because = f"{ours[0].thing} on {ours[0].host} is first: one repair of the control plane at a time" if ours else ""
    return [one for one in due if one not in ours[1:]], [
        *(Deferred(one, because) for one in ours[1:]),
        *(Deferred(one, "one new machine at a time") for one in machines),
    ]


def _is_quorum_lost(seen: ClusterHealth) -> bool:
    """Say whether it is known that etcd cannot commit: too few members do their work."""
    holders = _holders(seen)
    healthy = [host for host in holders if _health(seen, host, ETCD) == "healthy"]
    unknown = [host for host in holders if _health(seen, host, ETCD) == "unknown"]
    return bool(holders) and len(healthy) + len(unknown) < len(holders) // 2 + 1


def _holders(seen: ClusterHealth) -> list[HostHealth]:
    return [host for host in seen.hosts if host.service(ETCD) is not None]


def _health(seen: ClusterHealth, host: HostHealth, component: str) -> Sight:
    """Return how a service of a host is; unknown where the host does not answer or has none."""
    service = host.service(component)
    return "unknown" if service is None or not host.is_reachable else seen.health(host, service)


def _do_none_serve(seen: ClusterHealth) -> bool:
    """Say whether it is known of every member that it does not do its work."""
    return all(_health(seen, host, ETCD) == "unhealthy" for host in _holders(seen))


def _lost_quorum(seen: ClusterHealth) -> Iterator[NeedsOperator]:
    """Stop where too few members are left that could serve again."""
    holders = _holders(seen)
    able = [host for host in holders if host.is_reachable and host.has_member_data is not False]
    has_quorum = seen.membership is not None and seen.membership.has_quorum
    if not holders or has_quorum or len(able) >= len(holders) // 2 + 1:
        return
    lost = [f"{host.name} ({host.unreachable or 'its data are gone'})" for host in holders if host not in able]
    why = f"etcd cannot reach quorum: {len(able)} of {len(holders)} members are left, lost are {', '.join(lost)}"
    yield NeedsOperator("etcd", why, RECOVER)


def _useless_hosts(seen: ClusterHealth) -> Iterator[NeedsOperator]:
    """Tell of hosts that no repair of their parts can help."""
    for host in seen.hosts:
        if host.is_full:
            why = f"{host.name} has no room left below {DATA}"
            yield NeedsOperator(
                f"{host.name}{DISK}", why, "free some; what runs there is repaired as soon as it can be"
            )
        if not host.is_reachable and not host.is_gone:
            way_out = "switch it on or mend its network; if it is lost, replace the machine and apply the spec again"
            yield NeedsOperator(f"{host.name}/host", f"{host.name} does not answer: {host.unreachable}", way_out)


def _missing_machines(held: list[Deferred]) -> Iterator[NeedsOperator]:
    """Tell of machines that are to be replaced and may not be, whatever else is done."""
    for one in held:
        if one.repair.kind == "replace-host" and one.until is None:
            why = f"{one.repair.host} needs to be made anew: {one.repair.reason}"
            yield NeedsOperator(one.repair.key, why, f"repair may not do it: {one.because}")
