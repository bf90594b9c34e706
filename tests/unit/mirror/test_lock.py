from __future__ import annotations

import os
from pathlib import Path

import pytest

from windlass.errors import RefusedError
from windlass.mirror.lock import held


def test_a_second_fill_is_refused_and_told_who_fills(tmp_path: Path) -> None:
    with held(tmp_path / "fill.lock"), pytest.raises(RefusedError, match=f"filled by process {os.getpid()}"):  # noqa: SIM117 (the first must be held)
        with held(tmp_path / "fill.lock"):
            pass


def test_the_next_one_gets_it_when_the_first_has_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with held(tmp_path / "mirror" / "fill.lock"):
            pass


def test_a_holder_that_failed_does_not_keep_it(tmp_path: Path) -> None:
    with pytest.raises(KeyError), held(tmp_path / "fill.lock"):
        raise KeyError
    with held(tmp_path / "fill.lock"):
        pass
