"""The figures as they are printed."""

from __future__ import annotations

from pathlib import Path

from tools.house.__main__ import figure_lines
from tools.house.source import read_sources


def test_figures_fill_lines_that_fit_a_screen() -> None:
    lines = figure_lines(["one 1", "two " + "2" * 90, "three 3", "four 4"])

    assert lines == ["house: one 1; two " + "2" * 90, "house: three 3; four 4"]


def test_sources_have_their_path_from_the_top(tmp_path: Path) -> None:
    (tmp_path / "plugins" / "a").mkdir(parents=True)
    (tmp_path / "plugins" / "a" / "b.py").write_text("x = 1\n")

    assert [str(one.path) for one in read_sources(tmp_path, "plugins", "lab")] == ["plugins/a/b.py"]
