from __future__ import annotations

import io
import sys

import pytest

from windlass.errors import WindlassError
from windlass.mirror.progress_display import BarDisplay, LineDisplay, open_display

from .fakes import IMAGE, TOOL


def test_lines_say_what_is_done_and_how_many_remain() -> None:
    lines: list[str] = []
    with LineDisplay(2, lines.append) as display:
        display.start(TOOL).say("go build ./tool")
        display.finish(TOOL, None)
        display.start(IMAGE)
        display.finish(IMAGE, WindlassError("no compiler"))

    assert lines == [
        "file:tool:v2: go build ./tool",
        "file:tool:v2: done, 1 of 2 remain",
        "image:pause:3.10: FAILED, 0 of 2 remain",
    ]


def test_lines_do_not_follow_every_word_of_a_build() -> None:
    lines: list[str] = []
    progress = LineDisplay(1, lines.append).start(TOOL)
    for number in range(100):
        progress.say(f"package {number}")

    assert lines == ["file:tool:v2: package 0"]


def test_lines_show_megabytes_of_a_download() -> None:
    lines: list[str] = []
    LineDisplay(1, lines.append).start(TOOL).advance(3 << 20, 10 << 20)

    assert lines == ["file:tool:v2: 3 of 10 MiB"]


def test_no_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())

    assert isinstance(open_display(3), LineDisplay)


def test_bars_show_what_is_in_work_and_the_whole() -> None:
    with BarDisplay(2) as display:
        first = display.start(TOOL)
        display.start(IMAGE)
        first.say("go build ./tool")
        first.advance(1 << 20, 2 << 20)
        shown = {task.description: (task.completed, task.total) for task in display.bars.tasks}
        assert shown == {"mirror": (0, 2), "file:tool:v2": (1 << 20, 2 << 20), "image:pause:3.10": (0, None)}

        display.finish(TOOL, None)
        display.finish(IMAGE, WindlassError("no compiler"))

        assert [(task.description, task.completed) for task in display.bars.tasks] == [("mirror", 2)]
