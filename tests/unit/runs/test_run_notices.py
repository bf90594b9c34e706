"""What people are told of runs that failed or wait: what happened, what to do, a link, and each once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from windlass.domain.run_notice import (
    STANDS_STILL,
    TELL_AGAIN_AFTER,
    FailedRun,
    TaskFailure,
    ToldFailures,
    Unwatched,
    failed_run_notice,
    failed_tasks,
    run_link,
    standstill_notices,
    waiting_notice,
)

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
LINK = "https://airflow.example.org/dags/apply_cluster/runs/mine"
KILLED = TaskFailure("roll_3")
FULL = TaskFailure("prepare", "cp-1: no space left on device; free space under /var/lib/docker")


def failed(*failures: TaskFailure, dag: str = "apply_cluster", reason: str = "task_failure") -> FailedRun:
    return FailedRun(dag, "mine", "demo", reason, failures)


def text_of(run: FailedRun) -> str:
    notice = failed_run_notice(run, LINK)
    assert notice is not None
    assert (notice.cluster, notice.level, notice.is_alert, notice.link) == ("demo", "error", True, LINK)
    return notice.text


def test_a_failed_run_is_told_with_its_error_what_to_do_and_a_link() -> None:
    text = text_of(failed(FULL))
    assert text.startswith("apply_cluster failed in `prepare`: cp-1: no space left on device; free space under")
    assert "clear the failed task, and the run goes on, or start a new run" in text
    assert text.endswith(LINK)


def test_a_task_that_was_killed_is_told_with_where_to_look() -> None:
    assert "failed in `roll_3`; its log says why; " in text_of(failed(KILLED))


@pytest.mark.parametrize(
    ("reason", "words"),
    [("timed_out", "longer than its runs may"), ("all_tasks_deadlocked", "none of its tasks can run any more")],
)
def test_a_run_in_which_no_task_failed_is_told_too(reason: str, words: str) -> None:
    assert words in text_of(failed(reason=reason))


def test_a_run_that_tries_again_by_itself_is_not_to_be_cleared() -> None:
    text = text_of(failed(FULL, dag="backup_dispatch"))
    assert "the next run tries again by itself" in text
    assert "clear" not in text


def test_what_people_were_told_of_is_not_told_again() -> None:
    told = TaskFailure("take", "backup failed", is_told=True)
    assert failed_run_notice(failed(told), LINK) is None
    text = text_of(failed(told, FULL))
    assert "backup failed" not in text
    assert "`prepare`" in text


def test_a_teardown_that_fails_of_what_failed_before_is_not_named() -> None:
    states = {"lease": "success", "prepare": "failed", "verify": "upstream_failed", "outcome": "failed"}
    assert failed_tasks(states, {"outcome", "release"}) == ("prepare",)
    assert failed_tasks({"prepare": "success", "outcome": "failed"}, {"outcome"}) == ("outcome",)


def test_links_survive_any_run_id() -> None:
    assert run_link("https://a.example/flow/", "etcd_backup", "manual__2026-11-30T12:00:00+00:00/x") == (
        "https://a.example/flow/dags/etcd_backup/runs/manual__2026-11-30T12%3A00%3A00%2B00%3A00%2Fx"
    )


def test_an_approval_is_told_with_until_when_it_is_waited_for() -> None:
    notice = waiting_notice("demo", "Upgrade demo to v1.37.2?", NOW, LINK)
    assert "Upgrade demo to v1.37.2?" in notice.text
    assert "by 2026-11-30 12:00 UTC" in notice.text
    assert notice.text.endswith(LINK)
    assert notice.is_alert


def test_the_same_failure_of_runs_by_themselves_is_told_once_an_hour_and_another_one_at_once() -> None:
    told = ToldFailures({}).with_told("heal_cluster", "cp-1: unreachable for 31 s", NOW)
    soon, later = NOW + TELL_AGAIN_AFTER / 2, NOW + TELL_AGAIN_AFTER
    assert told.is_told("heal_cluster", "cp-1: unreachable for 77 s", soon)
    assert not told.is_told("heal_cluster", "disk full", soon)
    assert not told.is_told("etcd_backup", "cp-1: unreachable for 31 s", soon)
    assert not told.is_told("heal_cluster", "cp-1: unreachable for 31 s", later)
    assert ToldFailures.of(told.value()) == told


def test_a_paused_dag_is_told_once_and_once_that_it_runs_again() -> None:
    first, told = standstill_notices(["heal_cluster"], [], "https://a.example")
    assert [(one.cluster, one.level) for one in first] == [("", "error")]
    assert "nothing that is found unhealthy is remediated" in first[0].text
    assert first[0].text.endswith("https://a.example/dags/heal_cluster")
    assert first[0].title.startswith("[windlass] all clusters: ")
    assert standstill_notices(["heal_cluster"], told, "https://a.example") == ((), told)
    again, told = standstill_notices([], told, "https://a.example")
    assert [(one.text, one.level, one.is_alert) for one in again] == [("`heal_cluster` runs again", "info", True)]
    assert told == ()


def test_clusters_that_nobody_watches_are_told_once_they_are_seen_twice_and_once_that_it_is_over() -> None:
    known, told = Unwatched(), []
    for seen in (["a"], ["a", "b"], ["a", "b"], ["b"], [], []):
        known, notice = known.after(seen)
        told.append(notice.text.partition(";")[0] if notice else "")
    assert told == [
        "", "nobody watches a any more", "nobody watches b any more", "", "all clusters are watched again", ""
    ]  # fmt: skip


def test_of_many_that_nobody_watches_some_are_named() -> None:
    names = [f"c-{number}" for number in range(1000)]
    _, notice = Unwatched(tuple(names)).after(names)
    assert notice is not None
    assert len(notice.text) < 300


def test_every_dag_that_runs_by_itself_is_looked_after() -> None:
    """But for the one that looks, whose silence the watch tells of by the age of backups."""
    assert {str(one) for one in STANDS_STILL} == {
        "watch_health", "heal_cluster", "etcd_backup", "restore_drill", "catalog_watch"
    }  # fmt: skip


def test_a_future_time_of_what_was_told_does_not_silence_for_ever() -> None:
    told = ToldFailures({}).with_told("heal_cluster", "x", NOW + timedelta(days=1))
    assert not told.is_told("heal_cluster", "x", NOW - TELL_AGAIN_AFTER)
