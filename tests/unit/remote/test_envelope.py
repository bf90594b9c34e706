"""An answer is opened by the laptop that asked, for the command that it gave, and by nobody else."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.remote import Answer, AnswerKey, check_public, seal_answer
from windlass.domain.remote.answer import MOST_BYTES
from windlass.errors import IntegrityError, NotReadyError, SpecError

KEY = AnswerKey.new()


@given(st.binary(max_size=4096), st.text(max_size=50))
def test_what_is_sealed_is_opened_again(data: bytes, context: str) -> None:
    assert KEY.open(seal_answer(data, KEY.public, context), context) == data


def test_nothing_of_the_answer_shows_and_no_two_are_alike() -> None:
    sealed = [seal_answer(b"apiVersion: v1", KEY.public, "run") for _ in range(2)]
    assert len(set(sealed)) == 2
    assert all(b"apiVersion" not in base64.b64decode(one) for one in sealed)


def test_another_key_opens_nothing_and_another_run_neither() -> None:
    sealed = seal_answer(b"secret", KEY.public, "run-1")
    with pytest.raises(IntegrityError, match="give the command again"):
        AnswerKey.new().open(sealed, "run-1")
    with pytest.raises(IntegrityError):
        KEY.open(sealed, "run-2")


@given(st.data())
def test_what_was_changed_on_its_way_is_refused(data: st.DataObject) -> None:
    sealed = bytearray(base64.b64decode(seal_answer(b"secret", KEY.public, "run")))
    place = data.draw(st.integers(8, len(sealed) - 1))
    sealed[place] ^= 1 << data.draw(st.integers(0, 7 if place != 39 else 6))  # X25519 ignores the highest bit
    with pytest.raises(IntegrityError):
        KEY.open(base64.b64encode(bytes(sealed)).decode(), "run")


@given(st.text(max_size=80))
def test_what_is_no_sealed_answer_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError):
        KEY.open(text, "run")


NO_KEYS = ["", "no base64", base64.b64encode(b"short").decode(), base64.b64encode(bytes(32)).decode()]


@pytest.mark.parametrize("public", NO_KEYS)
def test_a_key_for_which_nothing_can_be_sealed_is_refused(public: str) -> None:
    with pytest.raises(SpecError, match="X25519 public key"):
        check_public(public)


def test_a_private_key_shows_nowhere_by_accident() -> None:
    assert "X25519PrivateKey" not in repr(KEY)


@given(st.lists(st.text()), st.lists(st.text()), st.integers(0, 255))
def test_an_answer_is_read_as_it_was_written(out: list[str], err: list[str], code: int) -> None:
    answer = Answer(tuple(out), tuple(err), code)
    assert Answer.from_bytes(answer.to_bytes()) == answer


def test_an_answer_that_airflow_should_not_keep_is_not_sent() -> None:
    with pytest.raises(NotReadyError, match="run the command where Airflow runs"):
        Answer(("x" * MOST_BYTES,), ()).to_bytes()


def test_lines_of_an_answer_show_nowhere_by_accident() -> None:
    assert "sesame" not in repr(Answer(("sesame",), ("sesame",)))


@pytest.mark.parametrize("data", [b"", b"[]", b'{"out": 1}', b'{"out": [], "err": [], "exit_code": "x"}'])
def test_an_answer_of_another_form_is_told(data: bytes) -> None:
    with pytest.raises(IntegrityError, match="as new as this one"):
        Answer.from_bytes(data)
