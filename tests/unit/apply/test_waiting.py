from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from unit.services import quick_clock
from windlass.effects.clock import Clock
from windlass.errors import NotReadyError, RefusedError, UnreachableError
from windlass.operations import host_progress
from windlass.operations.host_progress import HostProgress
from windlass.operations.waiting import asked_again, wait_until

LONG = timedelta(minutes=1)


def test_looks_until_nothing_is_missing() -> None:
    answers = iter(["two nodes", "one node", ""])
    wait_until(lambda: next(answers), LONG, "wait", quick_clock())
    assert list(answers) == []


def test_says_what_was_missing_last() -> None:
    with pytest.raises(NotReadyError, match="wait for nodes: not done after 0 s: w-1 is not there"):
        wait_until(lambda: "w-1 is not there", timedelta(0), "wait for nodes", quick_clock())


def test_slow_hosts_are_waited_for_longer() -> None:
    told: list[str] = []
    clock = replace(quick_clock(), slowness=lambda: 3.0)
    with pytest.raises(NotReadyError, match="wait for nodes: not done after 180 s: w-1 is not there"):
        wait_until(lambda: "w-1 is not there", LONG, "wait for nodes", clock, told.append)
    assert sum("hosts are 3.0 times slower than usual ones: 180 s at most" in line for line in told) == 1


def test_what_is_there_in_time_is_not_measured() -> None:
    def measure() -> float:
        raise AssertionError("nobody needed to know")

    wait_until(lambda: "", LONG, "wait", replace(quick_clock(), slowness=measure))


def test_what_comes_within_the_longer_limit_has_come() -> None:
    clock = replace(quick_clock(), slowness=lambda: 2.0)
    begun = clock.monotonic()
    wait_until(lambda: "" if clock.monotonic() > begun + 90 else "not yet", LONG, "wait", clock)


@pytest.mark.parametrize("error", [NotReadyError("not yet"), UnreachableError("no answer")])
def test_no_answer_yet_is_waited_for(error: Exception) -> None:
    pending: list[Exception] = [error]

    def look() -> str:
        if pending:
            raise pending.pop()
        return ""

    wait_until(look, LONG, "wait", quick_clock())
    assert pending == []


def test_what_no_waiting_can_fix_is_told_at_once() -> None:
    def look() -> str:
        raise RefusedError("forbidden")

    with pytest.raises(RefusedError, match="forbidden"):
        wait_until(look, LONG, "wait", quick_clock())


def failing(*errors: Exception) -> Callable[[], str]:
    """Return a look that raises each of `errors`, and answers after them."""
    pending = iter(errors)

    def look() -> str:
        for error in pending:
            raise error
        return "an answer"

    return look


def test_a_look_whose_connection_broke_is_asked_once_more() -> None:
    assert asked_again(failing(UnreachableError("lost"))) == "an answer"


def test_what_breaks_twice_counts() -> None:
    with pytest.raises(UnreachableError, match="again"):
        asked_again(failing(UnreachableError("lost"), UnreachableError("lost again")))


@pytest.mark.parametrize("error", [NotReadyError("not yet"), RefusedError("forbidden")])
def test_an_answer_is_an_answer_and_not_asked_for_again(error: Exception) -> None:
    with pytest.raises(type(error)):
        asked_again(failing(error))


def waits(clock: Clock, *looks: str, tell: Callable[[str], None] | None = None) -> None:
    answers = iter(looks)
    wait_until(lambda: next(answers), LONG, "wait for nodes", clock, tell)


def test_what_is_waited_for_is_told_when_it_changes_and_every_quarter_of_a_minute() -> None:
    told: list[str] = []
    waits(quick_clock(), *["two nodes"] * 40, *["one node"] * 10, "", tell=told.append)
    assert told == [
        "wait for nodes: 0 s: two nodes",
        "wait for nodes: 15 s: two nodes",
        "wait for nodes: 19 s: one node",
    ]


def test_the_first_looks_come_soon_and_later_ones_twice_a_second() -> None:
    clock = quick_clock()
    looked: list[float] = []
    answers = iter(["not yet"] * 5 + [""])

    def look() -> str:
        looked.append(round(clock.monotonic(), 3))
        return next(answers)

    wait_until(look, LONG, "wait for nodes", clock)
    assert [round(one - looked[0], 3) for one in looked] == [0, 0.1, 0.3, 0.7, 1.2, 1.7]


def test_what_changes_all_the_time_fills_no_log() -> None:
    told: list[str] = []
    waits(quick_clock(), *[f"node {number}" for number in range(40)], "", tell=told.append)
    assert len(told) == 10, "one line every two seconds"


def test_whoever_hears_the_clocks_waits_is_told_where_nobody_else_is() -> None:
    told: list[str] = []
    waits(replace(quick_clock(), tell=told.append), "two nodes", "")
    assert told == ["wait for nodes: 0 s: two nodes"]


def test_a_phase_on_many_hosts_says_where_it_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_progress, "TELL_EVERY_SECONDS", 0.01)
    told: queue.Queue[str] = queue.Queue()
    with HostProgress("prepare hosts", ["cp-1", "w-1"], told.put) as progress:
        progress.ended("cp-1")
        while "cp-1" in (line := told.get(timeout=10)):
            pass
    assert line.startswith("prepare hosts: ")
    assert line.endswith(" s: not ended on w-1")
