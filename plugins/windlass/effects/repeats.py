"""What is met again and again is logged once."""

from __future__ import annotations

import time
from collections.abc import Callable

AGAIN_SECONDS = 600.0


class Repeats:
    """Knows what was said last of each subject: whoever asks in a loop says it again only when it has changed.

    After ten minutes the same counts as news: whoever reads a log from its end finds it.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._said: dict[str, tuple[str, float]] = {}

    def is_news(self, subject: str, text: str) -> bool:
        """Tell whether `text` of `subject` is to be said now, and note that it was."""
        now = self._monotonic()
        last, at = self._said.get(subject, ("", float("-inf")))
        if text == last and now - at < AGAIN_SECONDS:
            return False
        self._said[subject] = (text, now)
        return True

    def is_over(self, subject: str) -> None:
        """Note that nothing is wrong with a subject any more: what comes next is news."""
        self._said.pop(subject, None)
