"""One remediation of a cluster from its request to its result: lease, run, service log, alerts, events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from windlass.domain.health import Kind
from windlass.domain.pki import Pki
from windlass.domain.remediation.notes import Note
from windlass.domain.remediation.plan import RunOrigin
from windlass.domain.remediation.state import RunStart
from windlass.domain.remediation.summary import plan_lines
from windlass.domain.remediation.triggers import (
    MonitorReports,
    RunRequest,
    finding_line,
    findings_of,
    monitor_reports,
    newer_reports,
)
from windlass.domain.servicelog import Event
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.store import ServiceLog
from windlass.errors import SkippedError, WindlassError
from windlass.operations.cluster import ClusterSession
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.remediation.contend import Queue, Waiting, take_lease
from windlass.operations.remediation.context import Keyring, Machines, RemediationContext, RunCallbacks
from windlass.operations.remediation.events import record_events, unreported
from windlass.operations.remediation.left_hosts import clean_left_hosts, left_hosts_that_answer
from windlass.operations.remediation.run import remediate, show_plan
from windlass.operations.run import ClusterRun
from windlass.operations.stand_back import stand_back, why_deleted

_API = timedelta(seconds=10)


@dataclass(frozen=True)
class Surroundings:
    """What a remediation uses besides its run: who makes machines, who is notified, and the time."""

    machines: Callable[[ClusterSession], Machines]
    log: Callable[[str], None]
    """Writes a line to the task's own log."""
    notify: Callable[[Sequence[Note]], None]
    """Notifies people; may raise a WindlassError."""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    waiting: Waiting = field(default_factory=Waiting)


class Remediation:
    """One run that was asked for by a request."""

    def __init__(self, run: ClusterRun, request: RunRequest, around: Surroundings) -> None:
        self._run = run
        self._request = request
        self._around = around
        self._status = run.records.status()
        self._findings = findings_of(request, self._status, around.clock())
        self._notes: list[Note] = []

    def run(self) -> dict[str, list[str]]:
        """Remediate; return what was done, what failed, what is deferred, and what needs an operator."""
        run = self._run
        if nothing := self._why_nothing():
            return {nothing: []}
        queue = Queue(run.records, lambda: why_deleted(run), is_patient=self._request.by_person)
        if not take_lease(run.lease(), self._request.began, self._around.log, self._around.waiting, queue):
            return {"left to the run that is at it": []}
        try:
            with run.working() as self._run:
                return self._remediate()
        except SkippedError as reason:
            self._around.log(str(reason))
            return {"left to the run that is at it": []}
        finally:
            run.lease().release()
            self._around.notify([one for one in self._notes if not one.key])

    def _remediate(self) -> dict[str, list[str]]:
        # First: an API server that is none of the cluster's any more may serve there.
        cleaned = self._clean_left_hosts() if any(one.kind is Kind.LEFT_HOST for one in self._findings) else ()
        with self._context() as context:
            result = remediate(context, self._callbacks(), self._start())
            self._record_events(context)
        # Nothing waits for hosts that may never answer again.
        cleaned += self._clean_left_hosts() if self._request.by_person and not cleaned else ()
        return replace(result, done=(*cleaned, *result.done)).to_dict()

    def show(self) -> dict[str, list[str]]:
        """Return what a run would do now; nothing is changed."""
        if nothing := self._why_nothing():
            return {nothing: []}
        with self._context() as context:
            lines = plan_lines(show_plan(context, self._start()))
        lines = [*(f"would do: {one}" for one in left_hosts_that_answer(self._run)), *lines]
        for line in lines:
            self._around.log(line)
        return {"plan": lines}

    def _clean_left_hosts(self) -> tuple[str, ...]:
        """Clean hosts that left; whatever goes wrong there holds up nothing else."""
        try:
            return clean_left_hosts(self._run, self._report, by_person=self._request.by_person)
        except WindlassError as error:
            self._report(Note(f"hosts that have left could not be cleaned: {error}", level="error"))
            return ()

    def _why_nothing(self) -> str:
        """Return why there is nothing to do, as the run's result says it; a person is given an error instead."""
        for finding in self._findings:
            self._around.log(finding_line(finding))
        if self._run.records.spec() is None:
            if not self._request.by_person:
                self._around.log(f"cluster {self._run.name} was deleted since: nothing is left to remediate")
            return "" if self._request.by_person else "the cluster was deleted"
        try:
            stand_back(self._run, "nothing is remediated", is_by_person=self._request.by_person)
        except SkippedError as reason:
            self._around.log(str(reason))
            return "the cluster is being created or deleted"
        return ""

    def _start(self) -> RunStart:
        found = monitor_reports(self._findings, self._around.clock())
        origin = RunOrigin(by_person=self._request.by_person)
        return RunStart(self._run.records.repairs(), found.reports, found.notices, origin)

    def _callbacks(self) -> RunCallbacks:
        run, around = self._run, self._around
        return RunCallbacks(run.records.save_repairs, self._go_on, self._monitor, around.waiting.sleep)

    def _go_on(self) -> None:
        """Renew the lease for another round; SkippedError if a run has begun to delete the cluster."""
        if why := why_deleted(self._run):
            raise SkippedError(f"{why}: the remediation ends, and leaves the cluster to it")
        self._run.lease().heartbeat()

    def _monitor(self) -> MonitorReports | None:
        return newer_reports(self._request, self._status, self._run.records.status(), self._around.clock())

    @contextmanager
    def _context(self) -> Iterator[RemediationContext]:
        run, rollout = self._run, self._run.records.rollout()
        with run.session(run.cluster()) as session:
            yield RemediationContext(
                session=session,
                keyring=Keyring(run.pki, self._store_pki),
                report=self._report,
                machines=self._around.machines(session),
                rollout=f"{rollout} is not over" if rollout else "",
                clock=self._around.clock,
                check_host=run.records.check_host,
            )

    def _store_pki(self, pki: Pki) -> RemoteFile:
        self._run.records.save_pki(pki, self._run.keys)
        return RemoteFile(self._run.records.sealed_pki() or b"", mode=0o600)

    def _report(self, note: Note) -> None:
        self._notes.append(note)
        self._around.log(note.text)
        ServiceLog(self._run.store, self._run.name).append(self._event(note), writer=self._run.owner.dag_id)
        if note.key:
            self._alert(note)

    def _alert(self, note: Note) -> None:
        """Notify people at once: what the history records as an alert must have been one, should the task be killed."""
        try:
            self._around.notify([note])
        except WindlassError as error:
            self._around.log(f"people could not be notified, and the remediation goes on: {error}")

    def _event(self, note: Note) -> Event:
        owner = self._run.owner
        return Event(
            time=self._around.clock(),
            operation=owner.dag_id,
            text=note.text,
            level=note.level,
            run_id=owner.run_id,
            reason=self._run.reason,
            host=note.host,
            component=note.component,
            details=note.details,
        )

    def _record_events(self, context: RemediationContext) -> None:
        """Leave what was observed and done as events too; a later run does so for a cluster that does not answer."""
        try:
            entries = unreported(self._run.records, self._around.clock())
            if entries:
                with kubernetes_api(context.session, context.keys, _API) as client:
                    record_events(self._run.records, client, entries)
        except WindlassError as error:
            self._around.log(f"no events in Kubernetes: {error}")
