from __future__ import annotations

from windlass.airflow.warming import warm_up
from windlass.domain.rendering.templates import _environment_of
from windlass.effects.store.s3 import _session


def test_what_every_task_needs_is_there_before_tasks_are_forked() -> None:
    warm_up()
    assert _session.cache_info().currsize == 1
    known = _environment_of.cache_info()
    warm_up()
    again = _environment_of.cache_info()
    assert (again.currsize, again.misses) == (known.currsize, known.misses)
