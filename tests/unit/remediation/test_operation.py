"""A remediation from its request to its result: who may begin, what it is about, who is notified; without Airflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from unit.cluster_run import FakeRun
from windlass.domain.apply.created import CreatedRecord
from windlass.domain.health import Finding, Kind
from windlass.domain.lease import Owner
from windlass.domain.remediation import History, RemediationPlan
from windlass.domain.remediation.triggers import RunRequest, findings_of, newer_reports
from windlass.effects.store import ClusterRecords, Leases, RunLease, ServiceLog
from windlass.effects.store.keys import created_key
from windlass.errors import NotReadyError, RefusedError, SpecError
from windlass.operations.remediation import (
    Note,
    Remediation,
    RemediationResult,
    RunCallbacks,
    RunStart,
    Surroundings,
    operation,
)
from windlass.operations.remediation.contend import Queue, Waiting, take_lease
from windlass.operations.remediation.context import NoMachines
from windlass.operations.stand_back import why_deleted

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ME, OTHER = Owner("heal_cluster", "mine"), Owner("heal_cluster", "other")


class Run(FakeRun):
    """A run on a cluster of which only the store exists, at noon."""

    def __init__(self) -> None:
        super().__init__(ME, SimpleNamespace(spec=None), reason="rack 2")
        self.records = Records(self.store, self.name)
        self.records.save_created(CreatedRecord(NOW, "a1"))
        self.is_session_open = False

    @contextmanager
    def session(self, cluster: Any) -> Iterator[Any]:
        self.is_session_open = True
        yield SimpleNamespace(cluster=cluster)
        self.is_session_open = False

    def lease(self) -> RunLease:
        return RunLease(Leases(self.store, self.is_finished, lambda: NOW), self.name, self.owner)


class Records(ClusterRecords):
    """Of the store's records those that a request goes by."""

    deleted, observed, findings = False, NOW, ()

    def spec(self) -> str | None:
        return None if Records.deleted else "a spec"

    def status(self) -> dict[str, Any] | None:
        return {"observed": Records.observed.isoformat(), "findings": [one.to_dict() for one in Records.findings]}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in {"deleted": False, "observed": NOW, "findings": ()}.items():
        monkeypatch.setattr(Records, name, value)
    return Run()


def finding(component: str = "kubelet", since: datetime = NOW) -> Finding:
    return Finding("demo", "w-1", component, Kind.PROCESS_DOWN, since, ("cp-2",), "refused")


@dataclass
class Around:
    """What a remediation logs and whom it notifies."""

    lines: list[str] = field(default_factory=list)
    notified: list[list[str]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    error: SpecError | None = None

    def surroundings(self) -> Surroundings:
        waiting = Waiting(sleep=self.pauses.append)
        return Surroundings(lambda _: NoMachines(), self.lines.append, self.notify, lambda: NOW, waiting)

    def notify(self, notes: Sequence[Note]) -> None:
        self.notified.append([note.text for note in notes])
        if self.error is not None and notes:
            raise self.error


def result(*done: str) -> RemediationResult:
    return RemediationResult(done, ("f",), ("d",), ("n",), ("r",))


def remediating(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[Any, RunCallbacks, RunStart], RemediationResult]
) -> Around:
    monkeypatch.setattr(operation, "remediate", act)
    monkeypatch.setattr(operation, "unreported", lambda *_: [])
    return Around()


def test_a_run_holds_the_lease_while_it_is_at_work_and_releases_it_whatever_comes(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act(context: Any, callbacks: RunCallbacks, start: RunStart) -> RemediationResult:
        assert run.is_session_open
        callbacks.heartbeat()
        lease = run.lease().current()
        assert lease is not None
        assert lease.owner == ME
        raise RefusedError("the lease is lost")

    around = remediating(monkeypatch, act)
    with pytest.raises(RefusedError, match="the lease is lost"):
        Remediation(run, RunRequest(NOW), around.surroundings()).run()
    assert run.lease().current() is None


def test_a_result_has_the_keys_that_its_readers_know(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    around = remediating(monkeypatch, lambda *_: result("a"))
    given = Remediation(run, RunRequest(NOW), around.surroundings()).run()
    assert given == {"done": ["a"], "failed": ["f"], "held": ["d"], "stops": ["n"], "reported": ["r"]}


@pytest.mark.parametrize("is_plan", [False, True])
def test_what_was_found_before_a_cluster_was_deleted_ends_well_and_a_person_is_given_the_error(
    run: Run, monkeypatch: pytest.MonkeyPatch, *, is_plan: bool
) -> None:
    monkeypatch.setattr(Records, "deleted", True)
    around = remediating(monkeypatch, lambda *_: result("a"))
    asked = Remediation(run, RunRequest(NOW), around.surroundings())
    assert (asked.show() if is_plan else asked.run()) == {"the cluster was deleted": []}
    assert run.lease().current() is None
    by_person = Remediation(run, RunRequest(NOW, by_person=True), around.surroundings())
    assert by_person.run()["done"] == ["a"]


def test_a_run_begins_with_the_history_the_findings_and_who_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[RunStart] = []

    def act(context: Any, callbacks: RunCallbacks, start: RunStart) -> RemediationResult:
        begun.append(start)
        callbacks.save(History(alerts={"etcd": "no quorum"}))
        return result()

    monkeypatch.setattr(Records, "findings", (finding("docker"),))
    around = remediating(monkeypatch, act)
    for by_person in (False, True):
        request = RunRequest(NOW, (finding(),), by_person=by_person)
        Remediation(run, request, around.surroundings()).run()
    assert [set(one.reports) for one in begun] == [{"w-1/kubelet", "w-1/docker"}] * 2
    assert [one.origin.by_person for one in begun] == [False, True]
    assert [dict(one.history.alerts) for one in begun] == [{}, {"etcd": "no quorum"}]
    assert "found: kubelet on w-1: process_down: refused" in around.lines


def test_alerts_go_out_at_once_and_all_other_lines_at_the_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def act(context: Any, callbacks: RunCallbacks, start: RunStart) -> RemediationResult:
        context.report(Note("Recreated", "warning", "cp-1", "etcd"))
        context.report(Note("no quorum; recover", "error", key="etcd"))
        assert around.notified == [["no quorum; recover"]]
        return result()

    around = remediating(monkeypatch, act)
    Remediation(run, RunRequest(NOW), around.surroundings()).run()
    assert around.notified == [["no quorum; recover"], ["Recreated"]]
    logged = [(one.text, one.operation, one.run_id, one.reason) for _, one in ServiceLog(run.store, "demo").entries("")]
    assert sorted(logged) == [
        ("Recreated", "heal_cluster", "mine", "rack 2"),
        ("no quorum; recover", "heal_cluster", "mine", "rack 2"),
    ]


def test_people_who_cannot_be_notified_keep_no_run_from_its_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def act(context: Any, callbacks: RunCallbacks, start: RunStart) -> RemediationResult:
        context.report(Note("no quorum; recover", "error", key="etcd"))
        return result("a")

    around = remediating(monkeypatch, act)
    around.error = SpecError("the Variable is not readable")
    assert Remediation(run, RunRequest(NOW), around.surroundings()).run()["done"] == ["a"]
    assert around.lines[-1].endswith("the remediation goes on: the Variable is not readable")


def test_a_plan_is_only_shown_and_takes_no_lease(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation, "show_plan", lambda *_: RemediationPlan())
    around = Around()
    shown = Remediation(run, RunRequest(NOW), around.surroundings()).show()
    assert shown == {"plan": ["all is healthy and as rendered: nothing to do"]}
    assert around.lines == shown["plan"]
    assert run.lease().last() is None


def alone(run: Run) -> Queue:
    """Return the queue of a run that meets nobody who waits."""
    return Queue(run.records)


def test_a_free_cluster_is_taken_at_once(run: Run) -> None:
    around = Around()
    assert take_lease(run.lease(), NOW, around.lines.append, Waiting(sleep=around.pauses.append), alone(run))
    assert run.lease().current().owner == ME  # type: ignore[union-attr]
    assert around.pauses == []


def test_another_operation_is_waited_for_and_named_when_it_takes_too_long(run: Run) -> None:
    around = Around()
    replace(run.lease(), owner=Owner("upgrade_cluster", "one")).acquire()
    with pytest.raises(NotReadyError, match=r"remediation waits: .*upgrade_cluster \(run one\)"):
        take_lease(
            run.lease(), NOW - timedelta(hours=1), around.lines.append, Waiting(sleep=around.pauses.append), alone(run)
        )
    assert (len(around.lines), sum(around.pauses)) == (1, 180)


def test_an_operation_that_ends_meanwhile_is_followed(run: Run) -> None:
    other = replace(run.lease(), owner=Owner("upgrade_cluster", "one"))
    other.acquire()
    around = Around()
    assert take_lease(run.lease(), NOW, around.lines.append, Waiting(sleep=lambda _: other.release()), alone(run))


def test_another_remediation_run_is_left_to_it_once_it_will_observe_all_again(run: Run) -> None:
    around = Around()
    other = replace(run.lease(), owner=OTHER)
    other.acquire()
    with pytest.raises(NotReadyError):
        take_lease(run.lease(), NOW, around.lines.append, Waiting(sleep=around.pauses.append), alone(run))
    later = replace(other, leases=replace(other.leases, clock=lambda: NOW + timedelta(seconds=1)))
    later.heartbeat()
    asked = Remediation(run, RunRequest(NOW), around.surroundings())
    assert asked.run() == {"left to the run that is at it": []}
    assert run.lease().current().owner == OTHER  # type: ignore[union-attr]


def test_a_remediation_run_that_died_is_not_left_anything(run: Run) -> None:
    other = replace(run.lease(), owner=OTHER)
    other.acquire()
    replace(other, leases=replace(other.leases, clock=lambda: NOW + timedelta(seconds=1))).heartbeat()
    mine = replace(run.lease(), leases=replace(run.lease().leases, is_finished=lambda _: True))
    assert take_lease(mine, NOW, Around().lines.append, Waiting(), alone(run))


def waiting_beside(run: Run, name: str) -> Run:
    """Return another remediation run on the same cluster."""
    other = Run()
    other.owner, other.store, other.records = Owner("heal_cluster", name), run.store, run.records
    return other


def test_of_all_runs_that_wait_for_another_operation_the_newest_goes_on_waiting(run: Run) -> None:
    replace(run.lease(), owner=Owner("upgrade_cluster", "one")).acquire()
    newer, around = waiting_beside(run, "newer"), Around()

    def let_another_come(_: float) -> None:
        with pytest.raises(NotReadyError):
            take_lease(newer.lease(), NOW, lambda _: None, Waiting(sleep=lambda _: None), alone(newer))

    assert not take_lease(run.lease(), NOW, around.lines.append, Waiting(sleep=let_another_come), alone(run))
    assert "a newer run of heal_cluster waits for this cluster" in around.lines[-1]


def test_a_person_who_waits_goes_on_waiting(run: Run) -> None:
    other = replace(run.lease(), owner=Owner("upgrade_cluster", "one"))
    other.acquire()

    def let_another_come(_: float) -> None:
        run.records.save_waiting("newer")
        other.release()

    queue = Queue(run.records, is_patient=True)
    assert take_lease(run.lease(), NOW, Around().lines.append, Waiting(sleep=let_another_come), queue)


def test_who_waits_gives_up_as_soon_as_the_cluster_is_to_be_deleted(run: Run) -> None:
    replace(run.lease(), owner=Owner("upgrade_cluster", "one")).acquire()
    delete, around = replace(run.delete_lease(), owner=Owner("delete_cluster", "d")), Around()
    queue = Queue(run.records, lambda: why_deleted(run))
    assert not take_lease(run.lease(), NOW, around.lines.append, Waiting(sleep=lambda _: delete.acquire()), queue)
    assert around.lines[-1] == "demo is being deleted by delete_cluster (run d): nothing is done by this run"


def test_a_run_leaves_the_cluster_to_a_delete_at_its_next_round(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def act(context: Any, callbacks: RunCallbacks, start: RunStart) -> RemediationResult:
        callbacks.heartbeat()
        replace(run.delete_lease(), owner=Owner("delete_cluster", "d")).acquire()
        callbacks.heartbeat()
        raise AssertionError("it would go on")

    around = remediating(monkeypatch, act)
    assert Remediation(run, RunRequest(NOW), around.surroundings()).run() == {"left to the run that is at it": []}
    assert run.lease().current() is None
    assert "demo is being deleted by delete_cluster (run d): the remediation ends" in around.lines[-1]


@pytest.mark.parametrize("is_plan", [False, True])
def test_a_cluster_that_was_never_verified_is_not_remediated(
    run: Run, monkeypatch: pytest.MonkeyPatch, *, is_plan: bool
) -> None:
    run.store.delete(created_key("demo"))
    around = remediating(monkeypatch, lambda *_: result("a"))
    asked = Remediation(run, RunRequest(NOW), around.surroundings())
    assert (asked.show() if is_plan else asked.run()) == {"the cluster is being created or deleted": []}
    by_person = Remediation(run, RunRequest(NOW, by_person=True), around.surroundings())
    with pytest.raises(RefusedError, match="being created: it was never verified; trigger `create_cluster` again"):
        by_person.show() if is_plan else by_person.run()
    assert run.lease().last() is None


STATUS = {"observed": NOW.isoformat(), "findings": [finding("docker").to_dict()]}


def test_a_run_is_about_what_started_it_and_what_the_monitor_has_found_besides() -> None:
    request = RunRequest(NOW, (finding(),))
    assert {one.component for one in findings_of(request, STATUS, NOW)} == {"kubelet", "docker"}
    assert findings_of(replace(request, only=finding().id), STATUS, NOW) == (finding(),)


@pytest.mark.parametrize("status", [None, {}, {"observed": "noon", "findings": []}, {"observed": NOW.isoformat()}])
def test_a_status_that_is_missing_or_not_readable_says_nothing(status: Any) -> None:
    assert findings_of(RunRequest(NOW), status, NOW) == ()


def test_a_status_that_is_old_says_nothing_about_now() -> None:
    assert findings_of(RunRequest(NOW), STATUS, NOW + timedelta(minutes=4))
    assert findings_of(RunRequest(NOW), STATUS, NOW + timedelta(minutes=5)) == ()


def test_the_monitor_is_heard_once_it_says_something_else_than_what_the_run_began_with() -> None:
    later = {"observed": (NOW + timedelta(seconds=1)).isoformat(), "findings": [finding().to_dict()]}
    assert newer_reports(RunRequest(NOW), STATUS, STATUS, NOW) is None
    assert newer_reports(RunRequest(NOW), None, None, NOW) is None
    found = newer_reports(RunRequest(NOW), STATUS, later, NOW)
    assert found is not None
    assert set(found.reports) == {"w-1/kubelet"}
    gone = newer_reports(RunRequest(NOW), STATUS, None, NOW)
    assert gone is not None
    assert gone.reports == {}


def test_a_run_about_one_finding_stays_with_that() -> None:
    later = {"observed": (NOW + timedelta(seconds=1)).isoformat(), "findings": []}
    assert newer_reports(RunRequest(NOW, only="one"), STATUS, later, NOW) is None
