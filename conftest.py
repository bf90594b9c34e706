"""Closes each test run with one plain count, for CI to read."""

from __future__ import annotations

import pytest

_COUNTED = ("passed", "failed", "error", "skipped")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Print `N passed, N failed[, N skipped]` as the very last line; an error counts as a failure."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.option.collectonly or hasattr(config, "workerinput"):
        return
    passed, failed, errors, skipped = (len(reporter.stats.get(name, [])) for name in _COUNTED)
    line = f"{passed} passed, {failed + errors} failed" + (f", {skipped} skipped" if skipped else "")
    reporter.write_line(line)
