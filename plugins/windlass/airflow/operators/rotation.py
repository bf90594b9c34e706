"""What a rotation has besides its rollouts: the new keys, hosts whose certificates are over, the gate of each phase."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from windlass.airflow.operators.base import RequestOperator
from windlass.airflow.operators.rollout import UpgradeGateOperator
from windlass.airflow.rollout import upgrade_request
from windlass.airflow.run_context import RunContext
from windlass.airflow.time_limits import WORK
from windlass.domain.pki import Rotated
from windlass.operations.rollout.revive import revive
from windlass.operations.rollout.rotation import prepare_rotation


class RotationPrepareOperator(RequestOperator):
    """Makes the new authorities and keys of a rotation and stores them; nothing uses them yet."""

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what is being changed and how far it has come; nothing is made for a plan alone."""
        request = upgrade_request(context["params"])
        if request.plan_only:
            return []
        return list(prepare_rotation(run, [Rotated(one) for one in request.rotates]))


class RotationReviveOperator(RequestOperator):
    """Brings new certificates to all hosts at once where those that they have are over; else it does nothing."""

    longest = WORK

    def act(self, context: Context, run: RunContext) -> dict[str, list[str]]:
        """Return what was changed by host."""
        if upgrade_request(context["params"]).plan_only:
            return {}
        return self.tell(revive(run, self.log.info))


class RotationGateOperator(UpgradeGateOperator):
    """Plans the next phase of a rotation; the gates of `later` phases are skipped for a plan alone.

    So are all where the phase before, whose result is the task `after`, was paused; empty for the first phase.
    """

    def __init__(self, *, later: list[str], after: str, **options: Any) -> None:
        super().__init__(**options)
        self.later, self.after = later, after

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return findings and plan."""
        before = (context["ti"].xcom_pull(task_ids=self.after) or {}) if self.after else {}
        if before.get("state") == "paused":
            self.skip(context, [*self.skips, *self.later], {})
        if upgrade_request(context["params"]).plan_only:
            self.skips = [*self.skips, *self.later]
        return super().act(context, run)
