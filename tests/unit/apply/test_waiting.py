from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from unit.services import quick_clock
from windlass.errors import NotReadyError, RefusedError, UnreachableError
from windlass.operations.waiting import asked_again, wait_until

LONG = timedelta(minutes=1)


def test_looks_until_nothing_is_missing() -> None:
    answers = iter(["two nodes", "one node", ""])
    wait_until(lambda: next(answers), LONG, "wait", quick_clock())
    assert list(answers) == []


def test_says_what_was_missing_last() -> None:
    with pytest.raises(NotReadyError, match="wait for nodes: not done after 0 s: w-1 is not there"):
        wait_until(lambda: "w-1 is not there", timedelta(0), "wait for nodes", quick_clock())


@pytest.mark.parametrize("error", [NotReadyError("not yet"), UnreachableError("no answer")])
def test_no_answer_yet_is_waited_for(error: Exception) -> None:
    pending: list[Exception] = [error]

    def look() -> str:
        if pending:
            raise pending.pop()
        return ""

    wait_until(look, LONG, "wait", quick_clock())
    assert pending == []


def test_what_no_waiting_can_mend_is_told_at_once() -> None:
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
