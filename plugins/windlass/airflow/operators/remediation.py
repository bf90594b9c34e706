"""Remediation, in one task; what it does is in `windlass.operations.remediation`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from airflow.sdk import Context

from windlass.airflow.assets import REPAIRS
from windlass.airflow.findings import findings_in
from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.run_context import RunContext, is_by_person
from windlass.domain.notice import Notice
from windlass.domain.remediation.triggers import RunRequest
from windlass.effects.store import HostKeys
from windlass.operations.cluster import ClusterSession
from windlass.operations.remediation import Note, Remediation, Surroundings
from windlass.operations.remediation.contend import Waiting


class ClusterHealOperator(ClusterOperator):
    """Remediates the cluster that the run's partition or its param `cluster` names, until nothing is left to do now.

    `finding` is the id of the only one to be remedied.
    """

    template_fields: Collection[str] = (*ClusterOperator.template_fields, "finding", "plan_only")

    def __init__(self, *, finding: str | None = None, plan_only: bool | str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.finding, self.plan_only = finding, plan_only

    def act(self, context: Context, run: RunContext) -> dict[str, list[str]]:
        """Return what was done, what failed, what is deferred, and what needs an operator."""
        clock = run.services.clock
        around = Surroundings(
            machines=partial(ProvidedMachines, run=run),
            log=partial(self.log.info, "%s"),
            notify=lambda notes: run.services.notify(_notices(run.name, notes), context),
            clock=clock.now,
            waiting=Waiting(sleep=clock.sleep),
        )
        remediation = Remediation(run, _request(context, run), around)
        return remediation.show() if context["params"].get("plan_only") else remediation.run()


class ProvidedMachines:
    """The machines that the spec's host provider makes; it is asked only when a host does not answer."""

    def __init__(self, session: ClusterSession, run: RunContext) -> None:
        self._session = session
        self._run = run

    @property
    def makes_hosts(self) -> bool:
        """Whether the spec's provider makes hosts; see `Machines`."""
        return self._run.services.provider(self._session.cluster).makes_hosts

    def gone(self) -> frozenset[str]:
        """Return the hosts without a running machine; see `Machines`."""
        cluster = self._session.cluster
        provider = self._run.services.provider(cluster)
        return frozenset(provider.missing(cluster)) if provider.makes_hosts else frozenset()

    def make(self, host: str) -> None:
        """Make or start what is gone; see `Machines`."""
        self._session.check_lease()
        cluster, keys = self._session.cluster, HostKeys(self._run.store, self._run.name)
        made = self._run.provision(cluster).provide(f"{self._run.owner.run_id}-{host}")
        fresh = self._run.services.connect(cluster, keys)
        for name in {host, *made}:
            self._session.connections.renew(fresh.target(name))


def _request(context: Context, run: RunContext) -> RunRequest:
    events = (context.get("triggering_asset_events") or {}).get(REPAIRS, [])
    return RunRequest(
        began=run.clock.now(),
        findings=findings_in(events, run.name),
        only=context["params"].get("finding") or "",
        by_person=is_by_person(context),
    )


def _notices(cluster: str, notes: Sequence[Note]) -> list[Notice]:
    return [Notice(cluster, one.text, one.level, one.host, one.component, is_alert=bool(one.key)) for one in notes]
