from __future__ import annotations

from windlass.effects.repeats import AGAIN_SECONDS, Repeats


class _Time:
    def __init__(self) -> None:
        self.now = 0.0


def test_what_a_loop_meets_again_and_again_is_said_once() -> None:
    time = _Time()
    repeats = Repeats(lambda: time.now)
    said = []
    for second in range(100):
        time.now = float(second)
        said.append(repeats.is_news("cp-1", "connection refused"))
    assert said == [True, *[False] * 99]


def test_another_text_another_subject_and_the_same_after_it_was_over_are_news() -> None:
    repeats = Repeats(lambda: 0.0)
    assert repeats.is_news("cp-1", "refused")
    assert repeats.is_news("cp-1", "timed out")
    assert repeats.is_news("cp-2", "timed out")
    assert not repeats.is_news("cp-1", "timed out")
    repeats.is_over("cp-1")
    assert repeats.is_news("cp-1", "timed out")


def test_what_lasts_is_said_again_after_a_while() -> None:
    time = _Time()
    repeats = Repeats(lambda: time.now)
    assert repeats.is_news("cp-1", "refused")
    time.now = AGAIN_SECONDS
    assert repeats.is_news("cp-1", "refused")
