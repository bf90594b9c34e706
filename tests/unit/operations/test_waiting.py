from __future__ import annotations

from datetime import timedelta

import pytest

from windlass.errors import NotReadyError, RefusedError, UnreachableError
from windlass.operations import waiting
from windlass.operations.waiting import wait_until

LONG = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PAUSE_SECONDS", 0.0)


def test_looks_until_nothing_is_missing() -> None:
    answers = iter(["two nodes", "one node", ""])
    wait_until(lambda: next(answers), LONG, "wait")
    assert list(answers) == []


def test_says_what_was_missing_last() -> None:
    with pytest.raises(NotReadyError, match="wait for nodes: not done after 0 s: w-1 is not there"):
        wait_until(lambda: "w-1 is not there", timedelta(0), "wait for nodes")


@pytest.mark.parametrize("error", [NotReadyError("not yet"), UnreachableError("no answer")])
def test_no_answer_yet_is_waited_for(error: Exception) -> None:
    pending: list[Exception] = [error]

    def look() -> str:
        if pending:
            raise pending.pop()
        return ""

    wait_until(look, LONG, "wait")
    assert pending == []


def test_what_no_waiting_can_mend_is_told_at_once() -> None:
    def look() -> str:
        raise RefusedError("forbidden")

    with pytest.raises(RefusedError, match="forbidden"):
        wait_until(look, LONG, "wait")
