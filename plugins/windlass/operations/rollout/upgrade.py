"""A run of an upgrade: the gate, the gate again under the lease, step by step, the verification, the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from windlass.domain.approval import Matter
from windlass.domain.rollout import Approval, Step, approval_of
from windlass.domain.rollout.fixed_point import is_rolled_out
from windlass.domain.rollout.question import render_question
from windlass.domain.rollout.recent_plan import PlanSeen, lease_mark
from windlass.domain.rollout.result import UpgradeRun
from windlass.domain.rollout.upgrade_path import UpgradePath, UpgradeRequest
from windlass.domain.rollout.verification import nodes_to_try
from windlass.domain.servicelog import Detail
from windlass.domain.spec import dump_cluster
from windlass.domain.spec.members import without_hosts
from windlass.effects.ssh.connection import RemoteFile
from windlass.errors import NotReadyError, SkippedError, UnreachableError
from windlass.operations.apply.created import record_verified
from windlass.operations.apply.verify import verify_cluster
from windlass.operations.cluster import Changes
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.objects.spread import spread_dns
from windlass.operations.provision import destroy_left
from windlass.operations.rollout.approved_plan import make_plan, refuse_other_plan
from windlass.operations.rollout.bar_nodes import bar_nodes
from windlass.operations.rollout.check_gate import open_views, path_of
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.settle import hosts_left, left_nodes, seal_hosts, unreachable_hosts
from windlass.operations.rollout.steps import do_step
from windlass.operations.run import ClusterRun, Tell, telling_failure, words_of
from windlass.operations.two_people import TwoPeople, demand_of

_ANSWERS = timedelta(seconds=10)
_API_READY = timedelta(seconds=90)


@dataclass(frozen=True)
class UpgradePlan:
    """What the gate hands over, as plain values, and whether nothing is left to do."""

    value: Mapping[str, Any]
    is_settled: bool


def is_to_be_created(run: ClusterRun, request: UpgradeRequest) -> bool:
    """Say whether there is no cluster yet; SpecError if the given spec is wrong.

    One that was never verified and whose API answers is there: a creation broke off at its end, or it is of a time
    when no record of that was kept. A rollout brings it to its spec with the care that a creation does not take.
    """
    if run.records.created() is not None:
        return False
    run.desired(request.spec)
    return not _does_api_answer(run)


def _does_api_answer(run: ClusterRun) -> bool:
    stored, pki = run.stored(), run.records.pki(run.keys)
    if stored is None or pki is None:
        return False
    try:
        with run.session(stored) as session, kubernetes_api(session, pki, _ANSWERS):
            return True
    except (NotReadyError, UnreachableError):
        return False


def plan_upgrade(run: ClusterRun, request: UpgradeRequest, tell: Tell) -> UpgradePlan:
    """Look at everything and plan; RefusedError says everything that holds the upgrade up, and what to do."""
    seen = PlanSeen(lease_mark(run.lease().last()), run.clock.now())
    made = make_plan(run, request, tell)
    plan = made.plan
    is_settled = is_rolled_out(made.path, made.gate.steps, run.records.rollout()) and not made.gate.turn
    if not is_settled:
        refuse_other_plan(plan, request.plan_digest)
    value = plan.value()
    handed = {key: value[key] for key in ("from", "to", "findings", "steps")}
    words = {"text": plan.text(), "question": render_question(plan)}
    more = {"left_out": dict(made.gate.left_out), "goes_to_the_end": made.goes_to_the_end, "seen": seen.value()}
    more["turn"] = dict(made.gate.turn)
    return UpgradePlan({**handed, **words, "plan": value, **more}, is_settled)


def approval_for(run: ClusterRun, *, auto_approve: bool, outside_window: bool) -> Approval:
    """Return whether a person must approve a rollout that would start now; both switches are the run's own."""
    settings = run.cluster().spec.upgrade
    return approval_of(settings, datetime.now(UTC), auto_approve=auto_approve, outside_window=outside_window)


def two_people_for(run: ClusterRun, request: UpgradeRequest, digest: str) -> TwoPeople | None:
    """Return what the plan with this digest needs besides whoever asked for it; None if that is nobody."""
    return demand_of(Matter.ROLLOUT, run.cluster(), digest, path_of(run, request).after)


def require_approval(run: ClusterRun, request: UpgradeRequest, digest: str, answer: Mapping[str, Any] | None) -> None:
    """RefusedError if two people must be behind the plan with this digest, and `answer` is not the second's word."""
    if (demand := two_people_for(run, request, digest)) is not None:
        demand.check(run, answer)


def take_over_cluster(run: ClusterRun) -> str:
    """Take the cluster's lease, and return the mark of who had it last; RefusedError names the run that holds it."""
    before = lease_mark(run.lease().last())
    run.lease().acquire()
    run.records.drop_pause()  # which was meant for a run before
    return before


def skip_if_paused(run: ClusterRun, step: Step, tell: Tell, *, has_begun: bool) -> None:
    """SkippedError if the run was asked to pause; a step that has begun is done to its end."""
    pause = run.records.pause()
    if pause is not None and pause.holds_up(run.owner.run_id, has_begun=has_begun):
        tell(f"{pause}; it is not begun: {step.label}")
        raise SkippedError(f"paused before {step.label}: {pause}")


def do_upgrade_step(run: ClusterRun, request: UpgradeRequest, step: Step, tell: Tell) -> dict[str, Changes]:
    """Do a step under the lease and return what was changed by host; the log says where an upgrade has stopped."""
    run.lease().acquire()
    path, began = path_of(run, request), run.clock.monotonic()
    sealed = RemoteFile(run.records.sealed_pki() or b"", mode=0o600)
    details: dict[str, Detail] = {
        "step": step.value(),
        "continue": f"{run.owner.dag_id} with version {path.release.version}",
    }

    def stopped(error: BaseException) -> None:
        text = f"{run.owner.dag_id}: stopped at {step.label}: {words_of(error)}"
        run.log(text, level="error", details=details)

    with telling_failure(stopped), run.working() as at_work:
        with open_views(at_work, path) as views:
            rollout = RolloutContext(views.session, views.before, run.pki(), tell, transition=path.transition)
            changed = do_step(rollout, step, sealed, lambda name: at_work.destroy_host(path.transition.during, name))
        if any(changed.values()):  # a try that finds all done says nothing of how long it takes
            remember_duration(at_work, path, step, run.clock.monotonic() - began)
    return changed


def remember_duration(run: ClusterRun, path: UpgradePath, step: Step, seconds: float) -> None:
    """Store how long a step took, for the next plan to say."""
    known = run.records.durations().with_step(step, seconds)
    names = {host.name for host in path.after.spec.hosts.members} | set(step.hosts)
    run.records.save_durations(known.of_hosts(frozenset(names)))


def verify_upgrade(
    run: ClusterRun, request: UpgradeRequest, done: Sequence[Step], *, is_complete: bool
) -> tuple[str, ...]:
    """Use the cluster as its users will after the steps `done`; if that is all, the new spec is the cluster's now."""
    with run.working() as at_work:
        return _verify(at_work, request, done, is_complete=is_complete)


def _verify(run: ClusterRun, request: UpgradeRequest, done: Sequence[Step], *, is_complete: bool) -> tuple[str, ...]:
    path, pki = path_of(run, request), run.pki()
    with open_views(run, path) as views:
        now = views.session if is_complete else views.before
        absent = unreachable_hosts(now)
        with kubernetes_api(views.serving, pki, _API_READY) as client:
            for moved in spread_dns(now, client):  # drained nodes were left by one replica after the other
                run.log(moved)
            shown = verify_cluster(now, pki, client, absent, nodes_to_try(now.cluster, done) - absent)
            left = destroy_left(hosts_left(run, views), run.provision(path.after)) if is_complete else ()
            if is_complete and (left or path.transition.barred):
                bar_nodes(client, left_nodes(path.after, left))
        record_verified(run.records, views.during, pki)
        if is_complete:
            run.provision(path.after).settle()
            run.records.save_left_hosts(left)
            for one in left:
                run.log(f"{run.owner.dag_id}: {one.host.name} has left and is not clean: {one.reason}", level="warning")
            run.records.save_spec(dump_cluster(path.after))
            # After it: hosts remember which spec they were given.
            seal_hosts(run, replace(views.session, cluster=without_hosts(path.after, absent)))
    if is_complete:
        run.records.end_rollout()
    return shown


def end_upgrade_run(run: ClusterRun, ended: UpgradeRun, tell: Tell) -> dict[str, Any]:
    """Return what the run came to; unless it only planned, write it to the service log and give the lease back.

    Steps that were tried again after the run's end have taken the lease again.
    """
    pause = run.records.pause() if ended.undone else None
    text, value = f"{run.owner.dag_id}: {ended.sentence(pause)}", ended.value(run.name)
    tell(text)
    if ended.state != "planned":
        run.log(text, details={key: one for key, one in value.items() if key != "cluster"})
        run.lease().release()
    return value
