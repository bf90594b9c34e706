"""Fixtures that tests of several parts share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from windlass_lab.lab import LabPlan, down, load, up
from windlass_lab.model import Lab, all_names

settings.register_profile("windlass", deadline=None)  # how long an example takes depends on what else the machine does
settings.load_profile("windlass")

TEST_LAB = os.environ.get("WINDLASS_TEST_LAB", "")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab of two or more hosts, for tests that leave it as they found it.

    It is the one that WINDLASS_TEST_LAB names, if that is up; else one is made and removed at the end.
    """
    if TEST_LAB in all_names():
        yield load(TEST_LAB)
        return
    name = TEST_LAB or f"test-{os.getpid()}"
    try:
        yield up(LabPlan(name, ("cp-1", "w-1")))
    finally:
        down(name)
