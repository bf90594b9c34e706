from __future__ import annotations

import pytest

from windlass.errors import WindlassError
from windlass.operations.outcome import require_end


def test_a_run_that_came_to_its_last_task_is_no_failure() -> None:
    require_end("one", {"lease": "success", "verify": "success", "record": None}, "record")
    require_end("one", {"lease": "success", "roll_0": "success", "roll_1": "skipped", "result": "running"}, "result")


def test_a_run_that_only_planned_is_no_failure() -> None:
    require_end("one", {"plan": "success", "lease": "skipped", "verify": "skipped"}, "verify")


@pytest.mark.parametrize("state", ["failed", "upstream_failed"])
def test_a_run_one_of_whose_tasks_was_set_to_failed_is_a_failure_whatever_was_skipped_after_it(state: str) -> None:
    with pytest.raises(WindlassError, match=r"^one did not come to its end: failed: cluster\.services$"):
        require_end("one", {"cluster.services": state, "verify": "skipped", "record": "skipped"}, "record")


def test_a_run_that_was_set_to_failed_between_two_tasks_is_a_failure() -> None:
    with pytest.raises(WindlassError, match="`record` was skipped, as by whoever sets a run to failed"):
        require_end("one", {"lease": "success", "hosts.prepare": "skipped", "record": "skipped"}, "record")
