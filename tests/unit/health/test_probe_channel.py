"""How late words are, by two clocks that have nothing to do with each other."""

from __future__ import annotations

import pytest

from windlass.operations.health.probe_channel import DEAF_SECONDS, OFFSET_SECONDS, ClockOffset


def beats(offset: ClockOffset, begin: float, seconds: float, apart: float) -> float:
    """Let a loop whose clock is `apart` seconds behind ours say a word every ten seconds; return when it ended."""
    now = begin
    while now < begin + seconds:
        now += 10
        offset.hear(now - apart, now)
    return now


def test_a_word_that_was_held_up_is_late() -> None:
    offset = ClockOffset()
    assert offset.delay(5.0, 900.0) == 0.0
    now = beats(offset, 0, 600, 100)
    assert offset.delay(now - 100, now + 7) == pytest.approx(7)


@pytest.mark.parametrize("apart", [112.0, 88.0], ids=["a host that was paused", "a clock that was ahead"])
def test_a_clock_that_has_moved_makes_words_late_for_two_minutes_at_most(apart: float) -> None:
    offset = ClockOffset()
    now = beats(offset, 0, 600, 100)
    now = beats(offset, now, 2 * OFFSET_SECONDS + 10, apart)
    assert offset.delay(now - apart, now) == pytest.approx(0)


def test_what_comes_all_at_once_after_a_silence_is_late() -> None:
    offset = ClockOffset()
    now = beats(offset, 0, 600, 100)
    late = now + DEAF_SECONDS - 1
    for said in range(int(now), int(late), 10):
        offset.hear(said - 100, late)
    assert offset.delay(now - 100, late) == pytest.approx(DEAF_SECONDS - 1)
