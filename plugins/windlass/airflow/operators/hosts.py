"""Steps on hosts: provide them, look at them, prepare them, start what runs on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from airflow.sdk import Context

from windlass.airflow.given import given_spec
from windlass.airflow.operators.base import ClusterOperator, SpecOperator
from windlass.airflow.run_context import RunContext
from windlass.airflow.time_limits import WORK
from windlass.operations.apply.make_hosts import make_hosts
from windlass.operations.apply.preflight import preflight
from windlass.operations.apply.prepare import prepare_hosts
from windlass.operations.apply.start import start_control_plane, start_kubelets
from windlass.operations.cluster import Changes, ClusterSession
from windlass.operations.etcd.bootstrap import start_etcd


class HostProvisionOperator(SpecOperator):
    """Makes the hosts that the spec wants, through its host provider; `static` ones are there already.

    A run that only plans says which hosts would be made; then there is nothing to look at yet, and `skips` are skipped.
    """

    longest = WORK
    template_fields: Collection[str] = (*SpecOperator.template_fields, "plan_only")

    def __init__(self, *, skips: list[str], plan_only: bool | str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.skips, self.plan_only = skips, plan_only

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return the names of the hosts that were made or started, or would be."""
        spec = given_spec(context["params"])
        if context["params"].get("plan_only"):
            if missing := list(run.missing_hosts(run.desired(spec))):
                self.log.info("would be made: %s", ", ".join(missing))
                self.skip(context, self.skips, missing)
            return []
        made = list(make_hosts(run, spec, self.log.info))
        self.log.info("made: %s", ", ".join(made)) if made else self.log.info("all hosts are there")
        return made


class HostPreflightOperator(SpecOperator):
    """Looks at every host, tells every problem of all of them at once, and plans; nothing is changed yet.

    If nothing is to be done, or only the plan was asked for, the steps after it (`skips`) are skipped. What a run that
    died left to do, such as to verify, cannot be seen on hosts: then they are not skipped.
    """

    template_fields: Collection[str] = (*SpecOperator.template_fields, "plan_only")

    def __init__(self, *, skips: list[str], plan_only: bool | str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.skips, self.plan_only = skips, plan_only

    def act(self, context: Context, run: RunContext) -> dict[str, list[str]]:
        """Return the plan by host; RefusedError lists every problem of every host."""
        params = context["params"]
        is_plan = bool(params.get("plan_only"))
        plan = preflight(run, given_spec(params), plan_only=is_plan)
        self.log.info("%s", plan.text)
        result = {host: list(steps) for host, steps in plan.steps.items()}
        if is_plan or plan.is_settled:
            self.skip(context, self.skips, result)
        return result


class _PhaseOperator(ClusterOperator):
    """Does one phase on all hosts that it concerns, side by side."""

    longest = WORK

    phase: Callable[[ClusterSession], Mapping[str, Changes]]

    def act(self, context: Context, run: RunContext) -> dict[str, list[str]]:
        """Return what was changed by host; the error names every host that failed, and why."""
        with run.working() as at_work, at_work.session(run.cluster()) as session:
            return self.tell(type(self).phase(session))


class HostPrepareOperator(_PhaseOperator):
    """Installs what is missing, writes files , starts containerd, pulls images."""

    phase = staticmethod(prepare_hosts)


class EtcdBootstrapOperator(ClusterOperator):
    """Starts all etcd members at once, as a new cluster only if none of this one may exist."""

    longest = WORK

    def act(self, context: Context, run: RunContext) -> dict[str, list[str]]:
        """Return what was changed by host; RefusedError says what speaks against a new cluster."""
        created = run.records.created()
        with run.working() as at_work, at_work.session(run.cluster()) as session:
            return self.tell(start_etcd(session, run.pki(), created.etcd if created else None))


class ControlPlaneRollOutOperator(_PhaseOperator):
    """Starts the control plane, and on every host the proxy in front of all API servers."""

    phase = staticmethod(start_control_plane)


class HostJoinOperator(_PhaseOperator):
    """Starts the kubelet of every node."""

    phase = staticmethod(start_kubelets)
