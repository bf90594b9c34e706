"""Steps on etcd's members: plan a replacement, carry it out."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.operators.cluster import seeded_pki
from windlass.airflow.run_context import RunContext
from windlass.effects.ssh.connection import RemoteFile
from windlass.operations.cluster import ClusterSession
from windlass.operations.etcd import ReplacementContext, plan_member, replace_member


class EtcdPlanReplacementOperator(ClusterOperator):
    """Shows what replacing a member would do to quorum, step by step; if nothing is to be done, `skips` are skipped."""

    def __init__(self, *, skips: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.skips = skips

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return the steps; RefusedError with the reason where one of them is not allowed."""
        name = context["params"]["host"]
        with run.session(run.cluster()) as session:
            steps = [str(step) for step in plan_member(_looking(run, session), name)]
        for step in steps or [f"{name} is a healthy member: nothing to do"]:
            self.log.info("%s", step)
        if context["params"].get("plan_only") or not steps:
            self.skip(context, self.skips, steps)
        return steps


class EtcdReplaceMemberOperator(ClusterOperator):
    """Replaces the member on the host that the param `host` names, if starting it is not enough."""

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was done; RefusedError with the reason where quorum would not hold."""
        name = context["params"]["host"]
        run.lease().heartbeat()
        with run.session(run.cluster()) as session:
            done = list(replace_member(replacing(run, session, self.log.info), name))
        text = f"etcd on {name}: {'; '.join(done)}" if done else f"etcd on {name} is well: nothing was done"
        run.log(text)
        self.log.info("%s", text)
        return done


def _looking(run: RunContext, session: ClusterSession) -> ReplacementContext:
    """Return what a plan works with: no certificate is made for it, since nothing may be stored without the lease."""
    return ReplacementContext(session, run.pki(), RemoteFile(b""))


def replacing(run: RunContext, session: ClusterSession, tell: Any = None) -> ReplacementContext:
    """Return what a replacement of members works with; a host that is new to the PKI gets its certificates."""
    pki, sealed = seeded_pki(run, session.cluster)
    return ReplacementContext(session, pki, sealed) if tell is None else ReplacementContext(session, pki, sealed, tell)
