"""Steps on etcd's members: plan a replacement, carry it out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from airflow.sdk import Context

from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.run_context import RunContext
from windlass.airflow.time_limits import WORK
from windlass.operations.etcd.replacement_run import plan_replacement_run, replace_on


class EtcdPlanReplacementOperator(ClusterOperator):
    """Shows what replacing a member would do to quorum, step by step; if nothing is to be done, `skips` are skipped."""

    template_fields: Collection[str] = (*ClusterOperator.template_fields, "host", "plan_only")

    def __init__(
        self, *, skips: list[str], host: str | None = None, plan_only: bool | str | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.skips, self.host, self.plan_only = skips, host, plan_only

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return the steps; RefusedError with the reason where one of them is not allowed."""
        name = context["params"]["host"]
        steps = plan_replacement_run(run, name)
        for step in steps or [f"{name} is a healthy member: nothing to do"]:
            self.log.info("%s", step)
        if context["params"].get("plan_only") or not steps:
            self.skip(context, self.skips, steps)
        return steps


class EtcdReplaceMemberOperator(ClusterOperator):
    """Replaces the member on the host `host`, if starting it is not enough."""

    template_fields: Collection[str] = (*ClusterOperator.template_fields, "host")
    longest = WORK

    def __init__(self, *, host: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.host = host

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was done; RefusedError with the reason where quorum would not hold."""
        with run.working() as at_work:
            return replace_on(at_work, context["params"]["host"], self.log.info)
