from __future__ import annotations

import subprocess
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.host.slowness import MOST, USUAL_MILLISECONDS, slowness
from windlass.domain.scripts.measure_speed import measure_speed_script

TAKEN = st.lists(st.integers(min_value=0, max_value=10**7))


@given(TAKEN)
def test_nobody_is_waited_for_less_than_usual_nor_without_end(taken: list[int]) -> None:
    assert 1 <= slowness(taken) <= MOST


@given(st.lists(st.integers(min_value=0, max_value=USUAL_MILLISECONDS)))
def test_usual_machines_are_waited_for_as_usual(taken: list[int]) -> None:
    assert slowness(taken) == 1


@given(TAKEN)
def test_a_slower_host_is_never_waited_for_less(taken: list[int]) -> None:
    factors = [slowness([one]) for one in sorted(taken)]
    assert all(slower >= faster for faster, slower in pairwise(factors))
    assert slowness(taken) == max(factors, default=1)


def test_a_host_that_takes_five_times_as_long_has_five_times_as_long() -> None:
    assert slowness([20, 5 * USUAL_MILLISECONDS]) == 5


def test_the_computation_is_measured_in_milliseconds() -> None:
    script = measure_speed_script()
    done = subprocess.run(script.argv, input=script.text, capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) > 0
