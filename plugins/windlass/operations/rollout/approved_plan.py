"""Make the plan of a rollout, make it again under the lease, and see that it is the one that somebody approved.

Nothing holds the lease while a person is asked. So the plan is made three times at most: to be approved; under the
lease, where it is compared with the approved one; and, where somebody had to be asked again, once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from windlass.domain.pki.user_ca import refuse_other_authorities
from windlass.domain.rollout import Step
from windlass.domain.rollout.gate_result import GateResult
from windlass.domain.rollout.plan_changes import plan_changes
from windlass.domain.rollout.plan_until import steps_until
from windlass.domain.rollout.question import render_question
from windlass.domain.rollout.recent_plan import PlanSeen
from windlass.domain.rollout.record import RolloutRecord, carried_on, dump_hosts
from windlass.domain.rollout.rollout_plan import RolloutPlan, rollout_plan
from windlass.domain.rollout.rotation import read_turn
from windlass.domain.rollout.upgrade_path import UpgradePath, UpgradeRequest
from windlass.errors import RefusedError
from windlass.operations.apply.certificates import ensure_pki
from windlass.operations.rollout.check_gate import check_gate, path_of
from windlass.operations.rollout.rotation import store_turn
from windlass.operations.rollout.settle import remember_gone
from windlass.operations.run import ClusterRun, Tell


@dataclass(frozen=True)
class MadePlan:
    """A plan, and what it was made from; the gate's own steps go to the end, those of the plan up to a host."""

    path: UpgradePath
    gate: GateResult
    steps: tuple[Step, ...]
    plan: RolloutPlan

    @property
    def goes_to_the_end(self) -> bool:
        """Whether the plan has all that is left to do."""
        return self.steps == self.gate.steps


def make_plan(run: ClusterRun, request: UpgradeRequest, tell: Tell) -> MadePlan:
    """Look at everything and plan, and tell all of it; RefusedError says everything that holds the rollout up."""
    path = path_of(run, request)
    run.require_secrets(path.after)
    if not request.rotates:  # which is how they change
        refuse_other_authorities(run.authorities(path.after), run.records.pki(run.keys))
    gate = check_gate(run, path, request, tell)
    steps = steps_until(gate.steps, path.after, request.stop_after)
    plan = rollout_plan(path, gate, steps, run.records.durations(), partial(run.keys.fingerprint, run.name))
    tell(plan.text())
    gate.report.refuse(f"{run.name}: {path.name}")
    return MadePlan(path, gate, steps, plan)


def refuse_other_plan(plan: RolloutPlan, digest: str) -> None:
    """RefusedError unless `plan` is the one that the run was started for; a run that names none takes any."""
    if digest and digest != plan.digest:
        lines = "".join(f"\n  {line}" for planned in plan.steps for line in (planned.step.label, *planned.step.does))
        raise RefusedError(
            f"{plan.cluster}: the plan is another than the one that `plan_digest` names ({digest}); read this one, and "
            f"give its digest if it may be done: {plan.digest}{lines}"
        )


@dataclass(frozen=True)
class CheckedPlan:
    """A plan made under the lease, as plain values between tasks, and what has changed since it was approved."""

    steps: tuple[Step, ...]
    goes_to_the_end: bool
    plan: Mapping[str, Any]
    changes: tuple[str, ...] = ()
    """What has changed, in words; empty where it is the plan that was approved, or nobody was asked."""
    question: str = ""
    """What is asked about the changed plan."""

    def value(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "steps": [step.value() for step in self.steps],
            "goes_to_the_end": self.goes_to_the_end,
            "plan": dict(self.plan),
            "changes": list(self.changes),
            "question": self.question,
        }

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> CheckedPlan:
        """Read what `value` wrote."""
        steps = tuple(Step.of(one) for one in value["steps"])
        return cls(steps, value["goes_to_the_end"], value["plan"], tuple(value["changes"]), value["question"])


def is_just_planned(run: ClusterRun, handed: Mapping[str, Any], before: str) -> bool:
    """Say whether the plan that the gate `handed` over still holds, now that this run has the lease.

    `before` is the mark of who had the lease before this run.
    """
    return "seen" in handed and PlanSeen.of(handed["seen"]).holds(before, run.clock.now())


def planned_just_now(
    run: ClusterRun, request: UpgradeRequest, handed: Mapping[str, Any], before: str, tell: Tell
) -> CheckedPlan | None:
    """Return the plan that the gate `handed` over, and begin it, if it still holds; else None."""
    if not is_just_planned(run, handed, before):
        return None
    path = path_of(run, request)
    if run.missing_hosts(path.after):
        return None
    tell("nobody had the lease since the gate has planned, a moment ago: the plan holds")
    with run.working() as at_work:
        _make_hosts(at_work, request, tell)
        _begin(at_work, path, request, handed.get("turn", {}))
    steps = tuple(Step.of(one) for one in handed["steps"])
    return CheckedPlan(steps, handed["goes_to_the_end"], handed["plan"])


def check_again(
    run: ClusterRun, request: UpgradeRequest, tell: Tell, approved: Mapping[str, Any] | None = None
) -> CheckedPlan:
    """Look again, now that nobody else changes the cluster; RefusedError if the gate is closed by now.

    `approved` is the plan that somebody approved, None where nobody was asked. If it has changed, the lease is given
    back, since somebody has to be asked again.
    """
    run.lease().acquire()
    with run.working() as at_work:
        checked = _check(at_work, request, tell, approved)
    if checked.changes:
        run.lease().release()
    return checked


def _check(run: ClusterRun, request: UpgradeRequest, tell: Tell, approved: Mapping[str, Any] | None) -> CheckedPlan:
    _make_hosts(run, request, tell)
    made = make_plan(run, request, tell)
    refuse_other_plan(made.plan, request.plan_digest)
    value = made.plan.value()
    changes = plan_changes(approved, value) if approved is not None else ()
    if changes:
        tell("\n".join(["the plan has changed since it was approved:", *(f"  {one}" for one in changes)]))
        return CheckedPlan(made.steps, made.goes_to_the_end, value, changes, render_question(made.plan, changes))
    _begin(run, made.path, request, made.gate.turn)
    return CheckedPlan(made.steps, made.goes_to_the_end, value)


def _begin(run: ClusterRun, path: UpgradePath, request: UpgradeRequest, turn: Mapping[str, str]) -> None:
    """Write down that the rollout has begun, and issue the certificates that it needs."""
    if turn:
        # Before the record of a rollout, which a next run would have to end without knowing what it was for.
        store_turn(run, path.transition.during, read_turn(turn))
    remember_rollout(run, path)
    remember_gone(run, path, request.gone)
    # What joins needs certificates before its first step; what leaves keeps its own until it has left.
    ensure_pki(run, path.transition.during)


def _make_hosts(run: ClusterRun, request: UpgradeRequest, tell: Tell) -> None:
    """Have the provider make hosts that the spec wants and that are not there; before it, they are written down.

    It is asked also where none is missing: what lies around hosts, such as open ports, may have to change.
    """
    path = path_of(run, request)
    if run.missing_hosts(path.after):
        remember_rollout(run, path)
    for name in run.make_hosts(path.after):
        tell(f"{name}: made by its provider")


def confirm_plan(run: ClusterRun, request: UpgradeRequest, checked: CheckedPlan, tell: Tell) -> CheckedPlan:
    """Return the plan that is done: the one that was `checked`, or one made again if somebody was asked meanwhile.

    RefusedError if it has changed once more since then.
    """
    run.lease().acquire()
    if not checked.changes:
        return checked
    again = check_again(run, request, tell, checked.plan)
    if again.changes:
        told = "".join(f"\n  {one}" for one in again.changes)
        raise RefusedError(
            f"{run.name}: the plan has changed once more since it was approved, and nothing was begun; see what else "
            f"changes the cluster, and trigger the rollout again:{told}"
        )
    return again


def remember_rollout(run: ClusterRun, path: UpgradePath) -> None:
    """Store that a rollout is under way, with the bundle that was the newest when it first began."""
    newest = run.vault(path.before).inventory().bundles[-1:]
    began, bundle = datetime.now(UTC).isoformat(timespec="seconds"), "".join(map(str, newest))
    before, after = path.before.spec.kubernetes.version, path.release.version
    hosts = dump_hosts(path.transition.during.spec.hosts.members)
    begun = RolloutRecord(before, after, run.owner.run_id, began, bundle, hosts)
    run.records.save_rollout(carried_on(run.records.rollout(), begun))
