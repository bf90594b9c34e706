"""A run of an upgrade: the gate, the gate again under the lease, step by step, the verification, the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from windlass.domain.rollout import Approval, Step, approval_of, steps_until
from windlass.domain.rollout.fixed_point import is_rolled_out
from windlass.domain.rollout.plan_text import plan_text, question_of
from windlass.domain.rollout.question import render_question
from windlass.domain.rollout.record import RolloutRecord, carried_on
from windlass.domain.rollout.result import UpgradeRun
from windlass.domain.rollout.upgrade_path import UpgradePath, UpgradeRequest
from windlass.domain.servicelog import Detail
from windlass.domain.spec import dump_cluster
from windlass.effects.ssh.connection import RemoteFile
from windlass.errors import SkippedError, WindlassError
from windlass.operation_names import Operation
from windlass.operations.apply.verify import verify_cluster
from windlass.operations.cluster import Changes
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.objects.spread import spread_dns
from windlass.operations.rollout.check_gate import check_gate, open_sessions, path_of
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.steps import do_step
from windlass.operations.run import ClusterRun, Tell

_API_READY = timedelta(seconds=90)


@dataclass(frozen=True)
class UpgradePlan:
    """What the gate hands over, as plain values, and whether nothing is left to do."""

    value: Mapping[str, Any]
    is_settled: bool


def plan_upgrade(run: ClusterRun, request: UpgradeRequest, tell: Tell) -> UpgradePlan:
    """Look at everything and plan; RefusedError says everything that holds the upgrade up, and what to do."""
    path = path_of(run, request)
    gate = check_gate(run, path, request, tell)
    steps = steps_until(gate.steps, path.after, request.stop_after)
    text = plan_text(path, gate, steps)
    tell(text)
    gate.report.refuse(f"{run.name}: {path.name}")
    value = {
        "from": path.before.spec.kubernetes.version,
        "to": path.release.version,
        "findings": gate.report.value(),
        "steps": [step.value() for step in steps],
        "text": text,
        "question": render_question(question_of(path, gate, steps)),
    }
    return UpgradePlan(value, is_rolled_out(path, gate.steps, run.records.rollout()))


def approval_for(run: ClusterRun, *, auto_approve: bool, outside_window: bool) -> Approval:
    """Return whether a person must approve a rollout that would start now; both switches are the run's own."""
    settings = run.cluster().spec.upgrade
    return approval_of(settings, datetime.now(UTC), auto_approve=auto_approve, outside_window=outside_window)


def take_over_cluster(run: ClusterRun) -> None:
    """Take the cluster's lease; RefusedError names the run that holds it instead."""
    run.lease().acquire()
    run.records.drop_pause()  # which was meant for a run before


@dataclass(frozen=True)
class StepsLeft:
    """What is to be done, and whether that is all that is left."""

    steps: tuple[Step, ...]
    goes_to_the_end: bool


def check_again(run: ClusterRun, request: UpgradeRequest, tell: Tell) -> StepsLeft:
    """Look again, now that nobody else changes the cluster; RefusedError if the gate is closed by now."""
    path = path_of(run, request)
    gate = check_gate(run, path, request, tell)
    gate.report.refuse(f"{run.name}: {path.name}")
    steps = steps_until(gate.steps, path.after, request.stop_after)
    remember_rollout(run, path)
    for step in steps:
        tell(f"{step.label}: {'; '.join(step.does)}")
    return StepsLeft(steps, steps == gate.steps)


def remember_rollout(run: ClusterRun, path: UpgradePath) -> None:
    """Store that a rollout is under way, with the bundle that was the newest when it first began."""
    newest = run.vault(path.before).inventory().bundles[-1:]
    began, bundle = datetime.now(UTC).isoformat(timespec="seconds"), "".join(map(str, newest))
    begun = RolloutRecord(path.before.spec.kubernetes.version, path.release.version, run.owner.run_id, began, bundle)
    run.records.save_rollout(carried_on(run.records.rollout(), begun))


def skip_if_paused(run: ClusterRun, step: Step, tell: Tell, *, has_begun: bool) -> None:
    """SkippedError if the run was asked to pause; a step that has begun is done to its end."""
    pause = run.records.pause()
    if pause is not None and pause.holds_up(run.owner.run_id, has_begun=has_begun):
        tell(f"{pause}; it is not begun: {step.label}")
        raise SkippedError(f"paused before {step.label}: {pause}")


def do_upgrade_step(run: ClusterRun, request: UpgradeRequest, step: Step, tell: Tell) -> dict[str, Changes]:
    """Do a step under the lease and return what was changed by host; the log says where an upgrade has stopped."""
    run.lease().acquire()
    path = path_of(run, request)
    sealed = RemoteFile(run.records.sealed_pki() or b"", mode=0o600)
    try:
        with open_sessions(run, path) as (session, before):
            return do_step(RolloutContext(session, before, run.pki(), tell), step, sealed)
    except WindlassError as error:
        details: dict[str, Detail] = {
            "step": step.value(),
            "continue": f"{Operation.UPGRADE} with version {path.release.version}",
        }
        run.log(f"{run.owner.dag_id}: stopped at {step.label}: {error}", level="error", details=details)
        raise


def verify_upgrade(run: ClusterRun, request: UpgradeRequest, *, is_complete: bool) -> tuple[str, ...]:
    """Use the cluster as its users will; if the rollout is complete, the new spec is the cluster's from now on."""
    path, pki = path_of(run, request), run.pki()
    with open_sessions(run, path) as (session, before):
        now = session if is_complete else before
        with kubernetes_api(now, pki, _API_READY) as client:
            for moved in spread_dns(now, client):  # drained nodes were left by one replica after the other
                run.log(moved)
            shown = verify_cluster(now, pki, client)
    if is_complete:
        run.records.save_spec(dump_cluster(path.after))
        run.records.end_rollout()
    return shown


def end_upgrade_run(run: ClusterRun, ended: UpgradeRun, tell: Tell) -> dict[str, Any]:
    """Return what the run came to; unless it only planned, write it to the service log and give the lease back.

    Steps that were tried again after the run's end have taken the lease again.
    """
    pause = run.records.pause() if ended.undone else None
    text, value = f"{Operation.UPGRADE}: {ended.sentence(pause)}", ended.value(run.name)
    tell(text)
    if ended.state != "planned":
        run.log(text, details={key: one for key, one in value.items() if key != "cluster"})
        run.lease().release()
    return value
