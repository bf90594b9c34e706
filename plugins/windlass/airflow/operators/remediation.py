"""Repair, in one task: take the lease, look, plan, act, watch, give the lease back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Context

from windlass.airflow.assets import REPAIRS, findings_in
from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.run_context import RunContext
from windlass.domain.health import Finding
from windlass.domain.notice import Notice
from windlass.domain.pki import Pki
from windlass.domain.remediation.contention import contention_of
from windlass.domain.remediation.plan import RunOrigin
from windlass.domain.remediation.summary import plan_lines
from windlass.domain.remediation.triggers import MonitorReports, monitor_reports
from windlass.domain.servicelog import Event
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.store import HostKeys, ServiceLog
from windlass.errors import NotReadyError, RefusedError, WindlassError
from windlass.operation_names import Operation
from windlass.operations.cluster import ClusterSession
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.remediation import Keyring, Note, RemediationContext, heal, show_plan
from windlass.operations.remediation.events import record_events, untold

_PATIENCE = timedelta(minutes=3)
"""How long one try of the task waits for another operation; Airflow tries again after it."""
_PAUSE_SECONDS = 1.0
_FRESH = timedelta(minutes=5)
"""A status in the store that is older than this says nothing about now."""
_API = timedelta(seconds=10)


class ClusterHealOperator(ClusterOperator):
    """Repairs the cluster that the run's partition or its param `cluster` names, until nothing is left to do now."""

    def act(self, context: Context, run: RunContext) -> dict[str, list[str]]:
        """Return what was done, what was done in vain, what is held back, and where a person is needed."""
        began = datetime.now(UTC)
        findings = _findings(context, run)
        for one in findings:
            self.log.info(
                "%s: %s on %s: %s: %s",
                "over" if one.is_over else "found",
                one.component,
                one.host or "-",
                one.kind.value,
                one.evidence,
            )
        if not _is_by_person(context) and run.records.spec() is None:
            self.log.info("cluster %s was deleted since: nothing is left to repair", run.name)
            return {"the cluster was deleted": []}
        if context["params"].get("plan_only"):
            return self._show(context, run, findings)
        if not self._take_turn(run, began):
            return {"left to the run that is at it": []}
        notes: list[Note] = []
        try:
            with self._healing(context, run, findings, notes) as work:
                outcome = heal(work)
                self._tell_kubernetes(work, run)
        finally:
            run.lease().release()
            run.services.notify(_notices(run.name, [one for one in notes if not one.key]), context)
        return {key: list(lines) for key, lines in outcome.__dict__.items()}

    def _show(self, context: Context, run: RunContext, findings: Iterable[Finding]) -> dict[str, list[str]]:
        with self._healing(context, run, findings, []) as work:
            lines = plan_lines(show_plan(work))
        for line in lines:
            self.log.info("%s", line)
        return {"plan": lines}

    def _take_turn(self, run: RunContext, began: datetime) -> bool:
        """Take the lease, or wait for the run that has it; False if that run does what this one is for."""
        clock = run.services.clock
        lease, deadline, is_told = run.lease(), clock.monotonic() + _PATIENCE.total_seconds(), False
        while True:
            turn = contention_of(lease.current(), run.owner, began)
            if turn == "leave":
                self.log.info(
                    "another run of %s is at this cluster and will look at all of it again", Operation.REMEDIATE
                )
                return False
            try:
                lease.acquire()
            except RefusedError as refusal:
                if not is_told:
                    self.log.info("%s", refusal)
                    is_told = True
                if clock.monotonic() > deadline:
                    raise NotReadyError(f"repair waits: {refusal}") from refusal
            else:
                return True
            clock.sleep(_PAUSE_SECONDS)

    @contextmanager
    def _healing(
        self, context: Context, run: RunContext, findings: Iterable[Finding], notes: list[Note]
    ) -> Iterator[RemediationContext]:
        log = ServiceLog(run.store, run.name)

        def note(one: Note) -> None:
            notes.append(one)
            self.log.info("%s", one.text)
            log.append(_event(run, one), writer=run.owner.dag_id)
            if one.key:
                self._alert(_notices(run.name, [one]), context, run)

        def store(pki: Pki) -> RemoteFile:
            run.records.save_pki(pki, run.keys)
            return RemoteFile(run.records.sealed_pki() or b"", mode=0o600)

        heard, rollout = monitor_reports(findings, datetime.now(UTC)), run.records.rollout()
        with run.session(run.cluster()) as session:
            yield RemediationContext(
                session=session,
                keyring=Keyring(run.pki, store),
                machines=ProvidedMachines(session, run),
                history=run.records.repairs,
                save=run.records.save_repairs,
                note=note,
                beat=run.lease().heartbeat,
                reports=heard.reports,
                told=heard.told,
                hear=_listener(context, run),
                asked=RunOrigin(by_person=_is_by_person(context)),
                rollout=f"{rollout} is not over" if rollout else "",
                clock=run.services.clock.now,
                pause=run.services.clock.sleep,
            )

    def _alert(self, notices: list[Notice], context: Context, run: RunContext) -> None:
        """Tell people at once: what the history records as told must have been, should this task be killed."""
        try:
            run.services.notify(notices, context)
        except WindlassError:
            self.log.exception("people could not be told; the repair goes on")

    def _tell_kubernetes(self, work: RemediationContext, run: RunContext) -> None:
        """Leave what was seen and done as events too; a cluster that does not answer is told by a later run."""
        try:
            entries = untold(run.records, datetime.now(UTC))
            if entries:
                with kubernetes_api(work.session, work.keys, _API) as client:
                    record_events(run.records, client, entries)
        except WindlassError as error:
            self.log.warning("no events in Kubernetes: %s", error)


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
        cluster, keys = self._session.cluster, HostKeys(self._run.store, self._run.name)
        made = self._run.services.provider(cluster).provide(cluster, f"{self._run.owner.run_id}-{host}")
        for name in made:
            keys.forget(name)
        fresh = self._run.services.connect(cluster, keys)
        for name in {host, *made}:
            self._session.connections.renew(fresh.target(name))


def _is_by_person(context: Context) -> bool:
    run: Any = context["dag_run"]
    return str(getattr(run.run_type, "value", run.run_type)) == "manual"


def _findings(context: Context, run: RunContext) -> tuple[Finding, ...]:
    """Return what started the run, and what the watch has found besides."""
    events = (context.get("triggering_asset_events") or {}).get(REPAIRS, [])
    found = {one.id: one for one in (*_open(run.records.status()), *findings_in(events, run.name))}
    desired = context["params"].get("finding")
    return tuple(one for one in found.values() if not desired or one.id == desired)


def _listener(context: Context, run: RunContext) -> Callable[[], MonitorReports | None]:
    """Return what tells of the watch's findings once they are others than those that the run begins with."""
    before = (run.records.status() or {}).get("observed")

    def hear() -> MonitorReports | None:
        if context["params"].get("finding"):
            return None  # a run about one finding stays with that
        status = run.records.status() or {}
        return monitor_reports(_open(status), datetime.now(UTC)) if status.get("observed") != before else None

    return hear


def _open(status: Mapping[str, Any] | None) -> tuple[Finding, ...]:
    if status is None:
        return ()
    try:
        age = datetime.now(UTC) - datetime.fromisoformat(status["observed"])
        return tuple(Finding.from_dict(one) for one in status["findings"]) if age < _FRESH else ()
    except (KeyError, TypeError, ValueError, WindlassError):
        return ()


def _event(run: RunContext, note: Note) -> Event:
    return Event(
        time=datetime.now(UTC),
        operation=run.owner.dag_id,
        text=note.text,
        level=note.level,
        run_id=run.owner.run_id,
        reason=run.reason,
        host=note.host,
        component=note.component,
        details=note.details,
    )


def _notices(cluster: str, notes: Iterable[Note]) -> list[Notice]:
    return [Notice(cluster, one.text, one.level, one.host, one.component, is_alert=bool(one.key)) for one in notes]
