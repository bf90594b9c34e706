"""Plan actions: everything that a cluster asks for, less what the guards defer.

The guards, in the order in which they are asked:

- The spec may turn remediation off, or show drift only. What a person asked for is done in either case.
- Nothing is done to what could not be observed, or to a service whose strategy is `none`.
- A service that starts is given its time to answer first.
- What only differs is left alone while a rollout has begun and not ended: the rollout may have changed it already.
- What works and only differs is not stopped while another host of the control plane is not healthy, nor on more workers
  at a time than may be unhealthy. A service with the strategy `recreateOnQuorum` is stopped while enough others are
  healthy.
- etcd: a member is only replaced, or a running one stopped, as far as `windlass.domain.etcd.quorum` allows. Without
  quorum nothing else of the control plane is touched, since it could not come back; where members cannot be brought
  back either, an operator is needed, and disaster recovery is offered.
- A component is tried at most `spec.repair.tries` times in a row, with growing pauses; then an operator is needed.
- At most one action of the control plane goes at a time. When more workers are unhealthy than
  `spec.repair.maxUnhealthyWorkers` allows, none is touched: that is no worker's fault any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from windlass.domain.etcd.membership import as_dead
from windlass.domain.etcd.quorum import Membership, Removal, check
from windlass.domain.etcd.quorum import Stop as StopMember
from windlass.domain.host.health import CONTROL_PLANE, ETCD, GONE, STARTED, ClusterHealth, HostHealth, Sight
from windlass.domain.host.layout import DATA
from windlass.domain.remediation.actions import Action, Deferred, NeedsOperator, RemediationPlan
from windlass.domain.remediation.addons import AddonGuard, plan_addons
from windlass.domain.remediation.candidates import candidates, outdated_hosts
from windlass.domain.remediation.history import History
from windlass.domain.remediation.worker_limit import DISK, cordons, limit_workers, uncordons
from windlass.domain.spec.models import Repair as RepairSettings
from windlass.errors import RefusedError
from windlass.operation_names import Operation

RECOVER = f"bring its hosts back, or trigger `{Operation.RECOVER}`, which restores the newest bundle"

_LOOK_AGAIN = timedelta(seconds=20)


@dataclass(frozen=True)
class RunOrigin:
    """How a run came to be: by the monitor, or by a person, whose word outweighs what the spec turns off."""

    by_person: bool = False


def plan_actions(
    settings: RepairSettings, observed: ClusterHealth, history: History, origin: RunOrigin | None = None
) -> RemediationPlan:
    """Return what to do now about what was observed; acting, observing and planning again ends with an empty plan."""
    by_person = origin is not None and origin.by_person
    desired = candidates(observed, {key: history.failed(key, observed.at) for key in history.tries})
    reported = [one for one in desired if one.is_drift and settings.drift == "report" and not by_person]
    guard = _ActionFilter(settings, observed, history, is_allowed=settings.enabled or by_person)
    deferred, needs_operator = [], [*_lost_quorum(observed), *_useless_hosts(observed)]
    due: list[Action] = []
    for action in (one for one in desired if one not in reported):
        decision = guard.decide(action)
        match decision:
            case None:
                due.append(action)
            case Deferred():
                deferred.append(decision)
            case NeedsOperator():
                needs_operator.append(decision)
    now, later = _one_at_a_time(observed, due)
    now, over_limit, limit = limit_workers(settings, observed, now)
    nodes = [] if by_person else list(cordons(observed, needs_operator))
    if guard.is_allowed:
        nodes += uncordons(observed, needs_operator, desired)
    needs_operator += [*limit, *_missing_machines(deferred)]
    addons = plan_addons(AddonGuard(settings, observed, history, by_person=by_person, are_hosts_first=bool(now)))
    return RemediationPlan(
        (*now, *nodes, *addons.actions),
        (*deferred, *later, *over_limit, *addons.deferred),
        (*needs_operator, *addons.needs_operator),
        (*reported, *outdated_hosts(observed), *addons.reported),
    )


@dataclass(frozen=True)
class _ActionFilter:
    """Decides on one action after another; None lets it pass."""

    settings: RepairSettings
    observed: ClusterHealth
    history: History
    is_allowed: bool

    def decide(self, action: Action) -> Deferred | NeedsOperator | None:
        host = self.observed.host(action.host)
        if not self.is_allowed:
            return Deferred(action, "the spec turns remediation off (spec.repair.enabled)")
        if host.other_version and (action.is_drift or action.kind == "renew-certificates"):
            return Deferred(
                action, f"the host runs {host.other_version}; trigger `{Operation.UPGRADE}` to bring it to the spec"
            )
        if self.observed.rollout and action.is_drift:
            return Deferred(
                action,
                f"{self.observed.rollout}; trigger `{Operation.APPLY}` with its spec, or `{Operation.UPGRADE}` with "
                "its version, to bring it to its end",
            )
        if host.is_full and action.kind != "restart-unit":
            return Deferred(
                action, "its disk is full, and nothing that is started comes up", self.observed.at + _LOOK_AGAIN
            )
        return self._service(host, action) or self._others(host, action) or self._quorum(action) or self._tries(action)

    def _service(self, host: HostHealth, action: Action) -> Deferred | None:
        service = host.service(action.component)
        if service is None:
            return None
        if service.strategy == "none" and not action.is_drift:
            return Deferred(action, "its strategy is `none`: it is watched, and left to its owner")
        is_certain = action.is_drift or action.key in self.observed.reports or service.state not in STARTED
        is_certain = is_certain or service.answers == "healthy" or service.is_crashing
        left = timedelta(0) if service.age is None or is_certain else service.initializing - service.age
        return Deferred(action, "it is still starting", self.observed.at + left) if left > timedelta(0) else None

    def _others(self, host: HostHealth, action: Action) -> Deferred | None:
        """Decide by how the same component is on other hosts; of a member of etcd, etcd itself is asked."""
        service = host.service(action.component)
        if service is None or service.component == ETCD:
            return None
        if action.is_drift and not host.is_worker:
            unhealthy = [
                one.name
                for one in self.observed.hosts
                if one != host and not one.is_worker and self.observed.is_unhealthy(one)
            ]
            if unhealthy:
                return Deferred(
                    action, f"{', '.join(unhealthy)} is not healthy, and what works is not stopped meanwhile"
                )
        if service.strategy == "recreateOnQuorum" and service.state not in GONE:
            healthy = sum(
                _health(self.observed, one, service.component) == "healthy"
                for one in self.observed.hosts
                if one != host
            )
            if healthy < service.quorum:
                return Deferred(action, f"{healthy} others of it are healthy, and its strategy wants {service.quorum}")
        return None

    def _quorum(self, action: Action) -> Deferred | NeedsOperator | None:
        if action.kind == "replace-host":
            return self._lost_member(action)
        if action.component == ETCD:
            return self._member(action)
        if action.component in CONTROL_PLANE and _is_quorum_lost(self.observed):
            return Deferred(action, "etcd has no quorum, without which it cannot come back")
        return None

    def _member(self, action: Action) -> Deferred | NeedsOperator | None:
        membership, host = self.observed.membership, self.observed.host(action.host)
        service = host.service(ETCD)
        is_stopped = service is not None and service.state != "running"
        if action.kind == "recreate" and host.has_member_data is not True:
            # With an empty directory it would begin a new, empty cluster as soon as a majority of members does so.
            data = "are gone" if host.has_member_data is False else "could not be observed"
            return Deferred(action, f"its data {data}, and without them it must not start by itself")
        if action.kind == "recreate" and is_stopped and not action.is_drift:
            return None  # starting what has stopped takes nothing from anybody, and may bring quorum back
        if membership is None and action.kind == "recreate" and _do_none_serve(self.observed):
            return None  # starting one again takes nothing from anybody either
        if membership is None:
            return Deferred(action, "no other member could be asked, so that nobody knows whether quorum would last")
        try:
            _check_member(membership, action)
        except RefusedError as refusal:
            is_final = action.kind == "replace-member"
            return NeedsOperator(action.key, str(refusal), RECOVER) if is_final else Deferred(action, str(refusal))
        return None

    def _lost_member(self, action: Action) -> Deferred | NeedsOperator | None:
        """Decide on the replacement of a machine by what it means for the member that was on it."""
        if self.observed.host(action.host).service(ETCD) is None:
            return None
        if self.observed.membership is None:
            return Deferred(action, "no member could be asked, so that nobody knows whether etcd can take a new one")
        try:
            _check_member(as_dead(self.observed.membership, action.host), replace(action, kind="replace-member"))
        except RefusedError as refusal:
            return NeedsOperator(action.key, str(refusal), RECOVER)
        return None

    def _tries(self, action: Action) -> Deferred | NeedsOperator | None:
        now, count = self.observed.at, self.history.count(action.key, self.observed.at)
        if count >= self.settings.tries:
            what = f"{action.component} on {action.host}"
            why = f"{what} was acted on {count} times and is still unhealthy: {action.reason}"
            what_next = f"look at its log on {action.host}, then trigger `{Operation.REMEDIATE}`"
            return NeedsOperator(action.key, why, what_next)
        free_at = self.history.free_at(action.key, now)
        return Deferred(action, f"it was tried {count} times", free_at) if free_at > now else None


def _check_member(membership: Membership, action: Action) -> None:
    member = next((one for one in membership.members if one.name == action.host), None)
    if member is None:
        if not membership.has_quorum:
            raise RefusedError(f"etcd: adding {action.host} is refused: only {membership.count} voters are healthy")
        return
    check(Removal(member) if action.kind == "replace-member" else StopMember(member), membership)


def _one_at_a_time(observed: ClusterHealth, due: list[Action]) -> tuple[list[Action], list[Deferred]]:
    """Let the first action of the control plane pass, the first new machine, and all others; defer the rest."""
    machines = [one for one in due if one.kind == "replace-host"][1:]
    due = [one for one in due if one not in machines]
    ours = [one for one in due if not observed.host(one.host).is_worker]
    because = (
        f"{ours[0].component} on {ours[0].host} is first: one action of the control plane at a time" if ours else ""
    )
    return [one for one in due if one not in ours[1:]], [
        *(Deferred(one, because) for one in ours[1:]),
        *(Deferred(one, "one new machine at a time") for one in machines),
    ]


def _is_quorum_lost(observed: ClusterHealth) -> bool:
    """Say whether it is known that etcd cannot commit: too few members do their work."""
    holders = _holders(observed)
    healthy = [host for host in holders if _health(observed, host, ETCD) == "healthy"]
    unknown = [host for host in holders if _health(observed, host, ETCD) == "unknown"]
    return bool(holders) and len(healthy) + len(unknown) < len(holders) // 2 + 1


def _holders(observed: ClusterHealth) -> list[HostHealth]:
    return [host for host in observed.hosts if host.service(ETCD) is not None]


def _health(observed: ClusterHealth, host: HostHealth, component: str) -> Sight:
    """Return how a service of a host is; unknown where the host does not answer or has none."""
    service = host.service(component)
    return "unknown" if service is None or not host.is_reachable else observed.health(host, service)


def _do_none_serve(observed: ClusterHealth) -> bool:
    """Say whether it is known of every member that it does not do its work."""
    return all(_health(observed, host, ETCD) == "unhealthy" for host in _holders(observed))


def _lost_quorum(observed: ClusterHealth) -> Iterator[NeedsOperator]:
    """Stop where too few members are left that could serve again."""
    holders = _holders(observed)
    able = [host for host in holders if host.is_reachable and host.has_member_data is not False]
    has_quorum = observed.membership is not None and observed.membership.has_quorum
    if not holders or has_quorum or len(able) >= len(holders) // 2 + 1:
        return
    lost = [f"{host.name} ({host.unreachable or 'its data are gone'})" for host in holders if host not in able]
    why = f"etcd cannot reach quorum: {len(able)} of {len(holders)} members are left, lost are {', '.join(lost)}"
    yield NeedsOperator("etcd", why, RECOVER)


def _useless_hosts(observed: ClusterHealth) -> Iterator[NeedsOperator]:
    """Report hosts that no action on their parts can help."""
    for host in observed.hosts:
        if host.is_full:
            why = f"{host.name} has no room left below {DATA}"
            yield NeedsOperator(
                f"{host.name}{DISK}", why, "free some; what runs there is remediated as soon as it can be"
            )
        if not host.is_reachable and not host.is_gone:
            way_out = "switch it on or fix its network; if it is lost, replace the machine and apply the spec again"
            yield NeedsOperator(f"{host.name}/host", f"{host.name} does not answer: {host.unreachable}", way_out)


def _missing_machines(deferred: list[Deferred]) -> Iterator[NeedsOperator]:
    """Report machines that are to be replaced and may not be, whatever else is done."""
    for one in deferred:
        if one.action.kind == "replace-host" and one.until is None:
            why = f"{one.action.host} needs to be recreated: {one.action.reason}"
            yield NeedsOperator(one.action.key, why, f"remediation may not do it: {one.because}")
