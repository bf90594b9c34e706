"""What the tests of remediation cost: they stay cheap enough to be run after every change of a rule."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.workbench import Workbench

ROUNDS = 3
_TESTS = "tests/unit/remediation"


@benchmark("remediation_tests_cpu_s")
def measure(_: Workbench) -> Iterator[Figure]:
    """Run the tests of remediation, and count the processor time that they take, the system's included."""
    yield Figure(
        "remediation_tests_cpu_s", "s", tuple(_processor_seconds() for _ in range(ROUNDS)), Bar(16, may_equal=True)
    )


def _processor_seconds() -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", _TESTS]
    subprocess.run(argv, cwd=Path(__file__).parents[1], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
