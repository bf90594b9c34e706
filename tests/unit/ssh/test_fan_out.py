from __future__ import annotations

import contextvars
import threading

import pytest

from windlass.effects.ssh.fan_out import fan_out, on_each, values
from windlass.errors import NotReadyError, RefusedError, UnreachableError, WindlassError


def test_every_host_has_its_result_in_order() -> None:
    def work(name: str) -> str:
        if name == "b":
            raise UnreachableError("b: no connection")
        return name.upper()

    outcomes = fan_out(["a", "b", "c"], work)
    assert list(outcomes) == ["a", "b", "c"]
    assert [outcome.value for outcome in outcomes.values()] == ["A", None, "C"]
    assert [outcome.is_ok for outcome in outcomes.values()] == [True, False, True]
    with pytest.raises(UnreachableError):
        outcomes["b"].get()


def test_one_error_names_each_host_that_failed() -> None:
    def work(name: str) -> str:
        if name == "a":
            raise UnreachableError("a: no connection")
        if name == "b":
            raise ZeroDivisionError("oops")
        return name

    with pytest.raises(WindlassError) as caught:
        on_each(["a", "b", "c"], work, doing="pull of images")
    assert str(caught.value).splitlines() == [
        "pull of images failed on 2 of 3 hosts:",
        "  a: no connection",
        "  b: ZeroDivisionError: oops",
    ]
    assert isinstance(caught.value.__cause__, ExceptionGroup)


@pytest.mark.parametrize("kind", [NotReadyError, UnreachableError, RefusedError])
def test_error_has_the_type_that_all_share(kind: type[WindlassError]) -> None:
    def work(name: str) -> str:
        raise kind(name)

    with pytest.raises(kind):
        on_each("ab", work, doing="step")


def test_mixed_errors_are_not_transient() -> None:
    def work(name: str) -> str:
        raise NotReadyError(name) if name == "a" else RefusedError(name)

    with pytest.raises(WindlassError) as caught:
        on_each("ab", work, doing="step")
    assert type(caught.value) is WindlassError


def test_no_more_than_allowed_run_at_once() -> None:
    lock, running, most = threading.Lock(), 0, 0
    together = threading.Barrier(3)

    def work(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait(20)
        with lock:
            running -= 1

    values(fan_out(range(9), work, max_workers=3), "step")
    assert most == 3


def test_context_of_the_caller_is_seen() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("outer")
    assert on_each(["a"], lambda _: variable.get(), doing="step") == {"a": "outer"}


def test_no_hosts_give_no_results() -> None:
    assert fan_out([], str) == {}
