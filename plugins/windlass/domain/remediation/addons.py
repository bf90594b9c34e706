"""What remediation does about add-ons: apply objects again, delete a pod that is stuck, spread replicas; pure.

The guards: the spec may turn remediation off, or show drift only; nothing is applied again while a rollout has begun
and not ended, since its objects may be there already; hosts come first, since add-ons run on them; an add-on is tried
as often as any component, with the same pauses. Where nothing of that can help an operator is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from windlass.domain.host.health import ClusterHealth
from windlass.domain.host.layout import ADDON_LABEL
from windlass.domain.objects.health import AddonHealth
from windlass.domain.remediation.actions import Action, Deferred, NeedsOperator, RemediationPlan
from windlass.domain.remediation.history import History
from windlass.domain.spec.models import Repair as RepairSettings
from windlass.operation_names import Operation

_FEW = 3


@dataclass(frozen=True)
class AddonGuard:
    """What decides whether an add-on may be acted on."""

    settings: RepairSettings
    observed: ClusterHealth
    history: History
    by_person: bool
    are_hosts_first: bool
    """Whether something is done on hosts now."""

    def decide(self, action: Action) -> Deferred | NeedsOperator | None:
        """Return why an action is not taken now; None lets it pass."""
        if not (self.settings.enabled or self.by_person):
            return Deferred(action, "the spec turns remediation off (spec.repair.enabled)")
        if action.kind == "apply-objects" and (why := self._other_objects()):
            return Deferred(action, f"{why}; trigger `{Operation.UPGRADE}` to bring it to its end")
        if self.are_hosts_first:
            return Deferred(action, "what it runs on comes first")
        return self._tries(action)

    def _other_objects(self) -> str:
        """Return why the objects may be those of another spec by now."""
        other = next((host for host in self.observed.hosts if host.other_version), None)
        return self.observed.rollout or (f"{other.name} runs {other.other_version}" if other else "")

    def _tries(self, action: Action) -> Deferred | NeedsOperator | None:
        now, count = self.observed.at, self.history.count(action.key, self.observed.at)
        if count >= self.settings.tries:
            why = f"{action.component} was acted on {count} times and is not as it should be: {action.reason}"
            return NeedsOperator(action.key, why, f"{_way_out(action.component)}, then trigger `{Operation.REMEDIATE}`")
        free_at = self.history.free_at(action.key, now)
        return Deferred(action, f"it was tried {count} times", free_at) if free_at > now else None


def plan_addons(guard: AddonGuard) -> RemediationPlan:
    """Return what to do about the add-ons; nothing is known of them where the API could not be asked."""
    reports_only = guard.settings.drift == "report" and not guard.by_person
    actions: list[Action] = []
    deferred: list[Deferred] = []
    needs_operator = [*_helpless(guard.observed)]
    reported: list[Action] = []
    for action in _candidates(guard.observed):
        if action.is_drift and reports_only:
            reported.append(action)
            continue
        match guard.decide(action):
            case None:
                actions.append(action)
            case Deferred() as later:
                deferred.append(later)
            case NeedsOperator() as need:
                needs_operator.append(need)
    return RemediationPlan(tuple(actions), tuple(deferred), tuple(needs_operator), tuple(reported))


def _candidates(observed: ClusterHealth) -> Iterator[Action]:
    for one in observed.addons or ():
        if one.drift:
            yield Action("apply-objects", "", one.addon, _few(one.drift), is_drift=not one.trouble)
        elif one.stuck:
            yield Action("delete-pod", "", one.addon, f"{one.trouble}; {one.stuck[0]}")
        elif one.is_crowded:
            yield Action("spread-replicas", "", one.addon, "both of its replicas are on one node", is_drift=True)


def _helpless(observed: ClusterHealth) -> Iterator[NeedsOperator]:
    """Report add-ons that the monitor calls unavailable, and that nothing here can help."""
    for one in observed.addons or ():
        key = addon_key(one)
        if one.trouble and not one.drift and not one.stuck and key in observed.reports:
            yield NeedsOperator(key, f"{one.addon} is not available: {one.trouble}", _way_out(one.addon))


def addon_key(addon: AddonHealth) -> str:
    """Return what identifies an add-on among the components of a cluster: it has no host."""
    return f"/{addon.addon}"


def _way_out(addon: str) -> str:
    return f"look at the pods and events of its objects (`kubectl get pods,events -A`; label {ADDON_LABEL}={addon})"


def _few(words: tuple[str, ...]) -> str:
    rest = f" and {len(words) - _FEW} more" if len(words) > _FEW else ""
    return ", ".join(words[:_FEW]) + rest
