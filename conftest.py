"""Closes each test run with one plain count, for CI to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_COUNTED = ("passed", "failed", "error", "skipped")


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print `N passed, N failed[, N skipped]` as a line of its own; an error counts as a failure."""
    passed, failed, errors, skipped = (len(terminalreporter.stats.get(name, [])) for name in _COUNTED)
    line = f"{passed} passed, {failed + errors} failed" + (f", {skipped} skipped" if skipped else "")
    terminalreporter.write_line(line)
