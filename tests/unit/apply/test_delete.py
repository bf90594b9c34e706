"""Who stands back for a delete, whom it waits for, and when it may forget a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

from unit.cluster_run import FakeRun, held_by
from unit.rollout.test_immutable import BEFORE
from unit.services import quick_clock
from windlass.domain.lease import Owner
from windlass.domain.rollout.record import LeftHost
from windlass.effects.ssh.fan_out import HostOutcome
from windlass.errors import CommandError, CommandFailure, RefusedError, UnreachableError, WindlassError
from windlass.operations.apply.delete import (
    announce_deletion,
    confirm_deletion,
    keep_leases,
    take_off_hosts,
    take_over_to_delete,
)
from windlass.operations.stand_back import why_stand_back

HOSTS = [host.name for host in BEFORE.spec.hosts.members]
HEAL, BACKUP, DRILL = Owner("heal_cluster", "h"), Owner("etcd_backup", "b"), Owner("restore_drill", "d")


def a_run(dag_id: str = "delete_cluster", run_id: str = "one") -> FakeRun:
    made = FakeRun(Owner(dag_id, run_id), BEFORE)
    made.clock = quick_clock()
    return made


def beside(run: FakeRun, dag_id: str) -> FakeRun:
    """Return another run on the same cluster."""
    other = a_run(dag_id, "other")
    other.store, other.records = run.store, run.records
    return other


def test_from_the_announcement_on_others_stand_back_and_the_delete_itself_does_not() -> None:
    run = a_run()
    backup = beside(run, "etcd_backup")
    assert why_stand_back(backup) == ""
    announce_deletion(run)
    assert why_stand_back(backup) == "demo is being deleted by delete_cluster (run one)"
    assert why_stand_back(run) == ""


def test_an_announcement_ends_with_its_run_however_that_ended() -> None:
    run = a_run()
    backup = beside(run, "etcd_backup")
    announce_deletion(run)
    backup.is_finished = lambda _: True
    assert why_stand_back(backup) == ""


def test_a_second_delete_is_refused_as_long_as_the_first_runs() -> None:
    run = a_run()
    announce_deletion(run)
    second = beside(run, "delete_cluster")
    with pytest.raises(RefusedError, match="delete_cluster \\(run one\\)"):
        announce_deletion(second)
    second.is_finished = lambda _: True
    announce_deletion(second)


def releasing_after(run: FakeRun, seconds: float, release: Callable[[], Any]) -> None:
    """Have somebody release a lease once the run has waited so long."""
    clock = run.clock

    def sleep(pause: float) -> None:
        clock.sleep(pause)
        if clock.monotonic() >= seconds:
            release()

    run.clock = replace(clock, sleep=sleep)


@pytest.mark.parametrize(("owner", "kind"), [(HEAL, "lease"), (BACKUP, "backup_lease"), (DRILL, "drill_lease")])
def test_remediation_backups_and_drills_that_have_begun_are_waited_for(owner: Owner, kind: str) -> None:
    run = a_run()
    other = held_by(owner, getattr(run, kind)())
    releasing_after(run, 90, other.release)
    told: list[str] = []
    take_over_to_delete(run, told.append)
    assert 90 <= run.clock.monotonic() < 92
    assert str(owner) in told[0]
    assert run.lease().current().owner == run.owner  # type: ignore[union-attr]


def test_a_backup_that_takes_too_long_has_the_hosts_taken_from_under_it() -> None:
    run = a_run()
    held_by(BACKUP, run.backup_lease())
    told: list[str] = []
    take_over_to_delete(run, told.append)
    assert 300 <= run.clock.monotonic() < 302
    assert told[-1].endswith("etcd_backup (run b) runs; it fails now")


def test_another_operation_is_not_waited_for_but_named_at_once() -> None:
    run = a_run()
    held_by(Owner("upgrade_cluster", "u"), run.lease())
    with pytest.raises(RefusedError, match="upgrade_cluster \\(run u\\)"):
        take_over_to_delete(run, lambda _: None)
    assert run.clock.monotonic() == 0


def test_a_task_that_is_cleared_after_the_run_has_ended_has_both_leases_back() -> None:
    run = a_run()
    take_over_to_delete(run, lambda _: None)
    run.delete_lease().release()
    run.lease().release()
    keep_leases(run)
    assert why_stand_back(beside(run, "etcd_backup"))
    assert run.lease().current().owner == run.owner  # type: ignore[union-attr]


def test_only_hosts_of_the_cluster_can_be_gone() -> None:
    assert confirm_deletion(a_run(), "demo", HOSTS[-1:]) == HOSTS
    with pytest.raises(RefusedError, match=f"`gone` names x-9; the hosts of demo are {', '.join(HOSTS)}"):
        confirm_deletion(a_run(), "demo", ["x-9"])


SILENT = UnreachableError("no connection")


def taken_off(run: FakeRun, errors: dict[str, Exception], gone: tuple[str, ...] = ()) -> Any:
    """Take the cluster off its hosts, of which some fail so."""

    def session(cluster: Any) -> Any:
        names = [host.name for host in cluster.spec.hosts.members]
        found = {
            name: HostOutcome(error=errors[name]) if name in errors else HostOutcome(value=("files",)) for name in names
        }
        return Mock(hosts=(), **{"try_on_hosts.return_value": found})

    run.sessions = session  # type: ignore[assignment]
    return take_off_hosts(run, Mock(makes_hosts=False), gone)


def test_a_host_that_does_not_answer_keeps_the_cluster_in_the_store_and_the_way_out_is_said() -> None:
    with pytest.raises(UnreachableError, match=r"(?s)w-1: no connection.*stays in the store.*bring w-1 back.*`gone`"):
        taken_off(a_run(), {"w-1": SILENT})


def test_a_host_that_is_gone_for_good_need_not_answer_and_that_is_written_down() -> None:
    run = a_run()
    assert "w-1" not in taken_off(run, {"w-1": SILENT}, gone=("w-1",))
    assert run.lines == [
        ("warning", "delete_cluster: w-1 did not answer and was not cleaned: it is said to be gone for good")
    ]


def test_a_host_that_answers_is_cleaned_though_it_was_said_to_be_gone() -> None:
    run = a_run()
    assert "w-1" in taken_off(run, {}, gone=("w-1",))
    assert run.lines == []


def test_a_host_that_is_gone_does_not_hide_what_is_left_on_it_where_it_answers() -> None:
    left = CommandError(CommandFailure("w-1", ["sh"], 1, "left on the host: container etcd; unit kubelet\n"))
    with pytest.raises(WindlassError, match=r"w-1: .*left on the host: container etcd; unit kubelet"):
        taken_off(a_run(), {"w-1": left}, gone=("w-1",))


def left(name: str, address: str, *, is_gone: bool = False) -> LeftHost:
    host = BEFORE.spec.hosts.members[-1].model_copy(update={"name": name, "address": address})
    return LeftHost(host, "2026-11-29T10:00:00+00:00", "no answer", is_gone=is_gone)


def test_hosts_that_left_and_were_never_cleaned_are_cleaned_with_the_cluster() -> None:
    run = a_run()
    run.records.save_left_hosts([left("w-8", "192.0.2.88")])
    assert confirm_deletion(run, "demo", ["w-8"]) == [*HOSTS, "w-8"]
    assert set(taken_off(run, {})) == {*HOSTS, "w-8"}
    with pytest.raises(UnreachableError, match="w-8: no connection"):
        taken_off(run, {"w-8": SILENT})


def test_a_host_that_left_and_is_known_to_be_gone_need_not_answer() -> None:
    run = a_run()
    run.records.save_left_hosts([left("w-8", "192.0.2.88", is_gone=True)])
    assert set(taken_off(run, {"w-8": SILENT})) == set(HOSTS)


def test_a_host_whose_address_another_one_has_by_now_is_not_asked_for() -> None:
    run = a_run()
    run.records.save_left_hosts([left("w-8", BEFORE.spec.hosts.members[0].address)])
    assert confirm_deletion(run, "demo") == HOSTS
