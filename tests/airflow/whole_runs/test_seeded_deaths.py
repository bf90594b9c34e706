"""Runs that die several times by a seed come to the same end; some of those that `make kills` lets die."""

from __future__ import annotations

import pytest

from world.seeded import chosen, run_all

OFTEN = {"create", "delete", "drill", "back up"}
"""The cases tried here: the others take longer to be made."""


def test_runs_that_die_by_a_seed_come_to_the_same_end() -> None:
    seeds = [seed for seed in range(1, 81) if chosen(seed)[1] in OFTEN]
    assert {chosen(seed)[1] for seed in seeds} == OFTEN
    with pytest.MonkeyPatch.context() as patch:
        assert [why for _, why in run_all(seeds, patch)] == []
