from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferralError

import windlass
from windlass.airflow.errors import RETRY_POLICY, ending_on_permanent_errors
from windlass.errors import (
    TRANSIENT,
    CommandError,
    IntegrityError,
    NotReadyError,
    RefusedError,
    SkippedError,
    SpecError,
    UnreachableError,
    WaitingError,
    WindlassError,
)


@pytest.mark.parametrize("kind", [SpecError, RefusedError, IntegrityError])
def test_a_permanent_error_ends_the_task_with_its_own_words(kind: type[Exception]) -> None:
    with pytest.raises(AirflowFailException, match="cp-1: no") as raised, ending_on_permanent_errors():
        raise kind("cp-1: no")

    assert isinstance(raised.value.__cause__, kind)


def test_what_is_skipped_is_no_failure() -> None:
    with pytest.raises(AirflowSkipException, match="no backup is due"), ending_on_permanent_errors():
        raise SkippedError("no backup is due")


@pytest.mark.parametrize("kind", [NotReadyError, UnreachableError, WaitingError])
def test_a_transient_error_is_left_to_retries(kind: type[Exception]) -> None:
    with pytest.raises(kind), ending_on_permanent_errors():
        raise kind("cp-1: later")


def test_it_serves_as_a_decorator() -> None:
    @ending_on_permanent_errors()
    def step(answer: int) -> int:
        if answer:
            return answer
        raise RefusedError("no answer")

    assert step(42) == 42
    with pytest.raises(AirflowFailException):
        step(0)


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (NotReadyError("x"), RetryAction.RETRY),
        (UnreachableError("x"), RetryAction.RETRY),
        (WaitingError("x"), RetryAction.RETRY),
        (TaskDeferralError("x"), RetryAction.RETRY),
        (RefusedError("x"), RetryAction.FAIL),
        (KeyError("x"), RetryAction.FAIL),
        # a task that was told to stop is no failure of its work
        (SystemExit(1), RetryAction.DEFAULT),
    ],
)
def test_only_named_errors_are_retried(error: BaseException, action: RetryAction) -> None:
    assert RETRY_POLICY.evaluate(error, try_number=1, max_tries=3).action is action


def every_error(root: type[WindlassError] = WindlassError) -> Iterator[type[WindlassError]]:
    yield root
    for kind in root.__subclasses__():
        yield from every_error(kind)


def test_every_error_of_ours_is_retried_exactly_if_the_table_has_it() -> None:
    for module in pkgutil.walk_packages(windlass.__path__, "windlass."):
        import_module(module.name)
    kinds = {kind for kind in every_error() if kind.__module__.startswith("windlass.")}
    assert {CommandError, UnreachableError} < kinds
    assert {kind.__name__ for kind in kinds if kind.__module__ != "windlass.errors"} >= {"DrainError"}

    for kind in kinds:
        error = kind.__new__(kind)
        is_retried = RETRY_POLICY.evaluate(error, try_number=1, max_tries=3).action is RetryAction.RETRY
        with pytest.raises(Exception) as raised, ending_on_permanent_errors():
            raise error
        assert is_retried == (raised.value is error) == issubclass(kind, TRANSIENT), kind.__name__
