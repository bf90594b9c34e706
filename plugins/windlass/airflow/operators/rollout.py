"""The steps of an upgrade: the gate, the approval, the gate again, the roll step by step, the end."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Context

from windlass.airflow.approval import ClusterApprovalOperator
from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.operators.step_order import left_undone, pause_if_asked, require_step_order
from windlass.airflow.rollout import GateResult, UpgradePath, check_gate, fresh_bundle, plan_text, question_of, sites
from windlass.airflow.run_context import RunContext
from windlass.domain.rollout import PREFETCH, Step, approval_of, steps_until
from windlass.domain.rollout.question import render_question
from windlass.domain.spec import diff_clusters, dump_cluster
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.store import Pause
from windlass.effects.store import RolloutRecord as RollRecord
from windlass.errors import WindlassError
from windlass.operation_names import Operation
from windlass.operations.apply.verify import verify_cluster
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.steps import do_step

log = logging.getLogger(__name__)
_API_READY = timedelta(seconds=90)


def _look(context: Context, run: RunContext, upgrade_path: UpgradePath) -> GateResult:
    """Look at everything, and have a bundle to go back to if something is to be changed."""
    params = context["params"]
    gate_result = check_gate(run, upgrade_path, allow_untested=bool(params.get("allow_untested")))
    if not gate_result.steps or gate_result.report.blocked:
        return gate_result
    return gate_result.with_bundle(
        fresh_bundle(run, upgrade_path, gate_result.etcd_id, _tell, take=not params.get("plan_only"))
    )


def _tell(line: str) -> None:
    log.info("%s", line)


class UpgradeGateOperator(ClusterOperator):
    """Looks at everything that an upgrade could stumble over, and plans it; nothing is changed.

    If nothing is to be done, or only the plan was asked for, the steps after it (`skips`) are skipped.
    """

    def __init__(self, *, skips: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.skips = skips

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return findings and plan; RefusedError says everything that holds the upgrade up, and what to do."""
        upgrade_path = UpgradePath.of(context, run)
        gate_result = _look(context, run, upgrade_path)
        steps = steps_until(gate_result.steps, upgrade_path.after, context["params"].get("stop_after"))
        text = plan_text(upgrade_path, gate_result, steps)
        self.log.info("%s", text)
        gate_result.report.refuse(f"{run.name}: {upgrade_path.name}")
        result = {
            "from": upgrade_path.before.spec.kubernetes.version,
            "to": upgrade_path.release.version,
            "findings": gate_result.report.value(),
            "steps": [step.value() for step in steps],
            "text": text,
            "question": render_question(question_of(upgrade_path, gate_result, steps)),
        }
        # A run that died between the last two records has left the roll's: it is ended by going through to the end.
        is_done = not (
            gate_result.steps or diff_clusters(upgrade_path.before, upgrade_path.after) or run.records.rollout()
        )
        if is_done or context["params"].get("plan_only"):
            self.skip(context, self.skips, result)
        return result


class UpgradeApprovalOperator(ClusterApprovalOperator):
    """Asks a person with the plan in front of them, unless spec, window or the run's params say that none is needed."""

    def approved_by(self, context: Context) -> str:
        """Return why nobody needs to be asked; empty if somebody must."""
        params = context["params"]
        settings = RunContext.of(context).cluster().spec.upgrade
        approval = approval_of(
            settings,
            datetime.now(UTC),
            auto_approve=bool(params.get("auto_approve")),
            outside_window=bool(params.get("outside_window")),
        )
        self.log.info("%s", approval.reason)
        return "" if approval.is_needed else approval.reason


class UpgradeLeaseOperator(ClusterOperator):
    """Takes the cluster's lease for this run; the spec is stored at the end, when it is true."""

    def act(self, context: Context, run: RunContext) -> str:
        """Return who holds the lease now; RefusedError names the run that holds it instead."""
        run.lease().acquire()
        run.records.drop_pause()  # which was meant for a run before
        return str(run.owner)


class UpgradeCheckOperator(ClusterOperator):
    """Looks again, now that nobody else changes the cluster, and gives the steps that are left to do."""

    def act(self, context: Context, run: RunContext) -> list[dict[str, Any]]:
        """Return the steps; RefusedError if the gate is closed by now."""
        upgrade_path = UpgradePath.of(context, run)
        gate_result = _look(context, run, upgrade_path)
        gate_result.report.refuse(f"{run.name}: {upgrade_path.name}")
        steps = steps_until(gate_result.steps, upgrade_path.after, context["params"].get("stop_after"))
        context["ti"].xcom_push(key="is_complete", value=steps == gate_result.steps)
        self._remember(run, upgrade_path)
        for step in steps:
            self.log.info("%s: %s", step.label, "; ".join(step.does))
        # There is always a step, since Airflow skips what follows an empty list (its guide to dynamic task mapping,
        # "Automatically skipping zero-length maps").
        return [step.value() for step in steps] or [Step(PREFETCH, (), ()).value()]

    def _remember(self, run: RunContext, upgrade_path: UpgradePath) -> None:
        before, after = upgrade_path.before.spec.kubernetes.version, upgrade_path.release.version
        known = run.records.rollout()
        if known and before == after:
            return  # what began before says since when hosts differ, and which bundle leads back
        began = known.began if known and known.after == after else datetime.now(UTC).isoformat(timespec="seconds")
        newest = run.vault(upgrade_path.before).inventory().bundles[-1:]
        bundle = known.bundle if known and known.after == after else "".join(map(str, newest))
        run.records.save_rollout(RollRecord(before, after, run.owner.run_id, began, bundle))


class UpgradeStepOperator(ClusterOperator):
    """Does one step of the roll; mapped over all of them, one at a time, each in its turn."""

    def __init__(self, *, step: Mapping[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.step = step

    def act(self, context: Context, run: RunContext) -> dict[str, list[str]]:
        """Return what was changed by host; the error says what failed on which host, what runs, and how to go on."""
        step = Step.of(self.step)
        require_step_order(context)
        pause_if_asked(context, run, step)
        run.lease().acquire()
        upgrade_path = UpgradePath.of(context, run)
        sealed = RemoteFile(run.records.sealed_pki() or b"", mode=0o600)
        try:
            with sites(run, upgrade_path) as (session, before):
                changes = do_step(RolloutContext(session, before, run.pki(), _tell), step, sealed)
        except WindlassError as error:
            run.log(
                f"{run.owner.dag_id}: stopped at {step.label}: {error}",
                level="error",
                details={
                    "step": step.value(),
                    "continue": f"{Operation.UPGRADE} with version {upgrade_path.release.version}",
                },
            )
            raise
        return self.tell(changes)


class UpgradeVerifyOperator(ClusterOperator):
    """Uses the cluster as its users will; if the roll is complete, the new spec is the cluster's from now on."""

    def __init__(self, *, check: str, rollout: str, **options: Any) -> None:
        super().__init__(**options)
        self.check, self.rollout = check, rollout

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was shown to work."""
        upgrade_path, pki = UpgradePath.of(context, run), run.pki()
        is_complete = _is_complete(context, self.check, left_undone(context, self.rollout))
        with sites(run, upgrade_path) as (session, before):
            now = session if is_complete else before
            with kubernetes_api(now, pki, _API_READY) as client:
                shown = verify_cluster(now, pki, client)
        for one in shown:
            self.log.info("verified: %s", one)
        if is_complete:
            run.records.save_spec(dump_cluster(upgrade_path.after))
            run.records.end_rollout()
        return list(shown)


class UpgradeResultOperator(ClusterOperator):
    """Says in one value what the run came to, and writes it to the cluster's service log.

    It gives the lease back too: steps that were tried again after the run's end have taken it anew.
    """

    def __init__(self, *, gate: str, check: str, rollout: str, **options: Any) -> None:
        super().__init__(**options)
        self.gate, self.check, self.rollout = gate, check, rollout

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return the result: `state` is planned, nothing, done or paused."""
        pull, params = context["ti"].xcom_pull, context["params"]
        gate, given = pull(task_ids=self.gate) or {}, pull(task_ids=self.check) or []
        undone = left_undone(context, self.rollout) if given else frozenset()
        steps = [step for number, step in enumerate(given) if number not in undone]
        changed = pull(task_ids=self.rollout) or []
        if isinstance(changed, Mapping):
            changed = [changed]  # Airflow gives the value of a single one bare
        result = {
            "cluster": run.name,
            "from": gate.get("from"),
            "to": gate.get("to"),
            "state": self._state(context, given, undone),
            "steps": [step["label"] for step in (steps if given else gate.get("steps", []))],
            "changed": [
                f"{host}: {what}" for done in changed if done for host, whats in done.items() for what in whats
            ],
            "warnings": [one for one in gate.get("findings", []) if one["verdict"] == "warning"],
        }
        paused = _asked(steps, run.records.pause()) if undone else _given(params.get("stop_after"))
        text = f"{Operation.UPGRADE}: {_sentence(result, paused)}"
        self.log.info("%s", text)
        if result["state"] != "planned":
            run.log(text, details={key: value for key, value in result.items() if key != "cluster"})
            run.lease().release()
        return result

    def _state(self, context: Context, steps: list[Any], undone: Collection[int]) -> str:
        if context["params"].get("plan_only"):
            return "planned"
        if not steps:
            return "nothing"
        return "done" if _is_complete(context, self.check, undone) else "paused"


def _is_complete(context: Context, check: str, undone: Collection[int]) -> bool:
    """Say whether the run has done all that was left: its plan went to the end, and no pause has cut it short."""
    return not undone and bool(context["ti"].xcom_pull(task_ids=check, key="is_complete"))


def _asked(steps: Sequence[Mapping[str, Any]], pause: Pause | None) -> str:
    where = f"after {steps[-1]['label']}" if steps else "before its first step"
    return f"{where}{f' ({pause})' if pause else ''}; the cluster serves; the same upgrade again goes on"


def _given(stop_after: str | None) -> str:
    return f"after {stop_after}; the cluster serves; without `stop_after` it goes on"


def _sentence(result: Mapping[str, Any], paused: str) -> str:
    way = f"{result['from']} -> {result['to']}"
    return {
        "planned": f"{way}: planned only, nothing was changed",
        "nothing": f"{result['to']}: nothing to change",
        "done": f"{way}: done, {len(result['changed'])} changes",
        "paused": f"{way}: paused {paused}",
    }[result["state"]]
