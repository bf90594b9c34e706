"""What the task of a drill tells people when the drill cannot be made; drills themselves are tested elsewhere."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import pytest

from windlass.airflow.operators import drill
from windlass.airflow.operators.drill import DrillRunOperator
from windlass.airflow.run_context import RunContext
from windlass.domain.lease import Owner
from windlass.effects.store import Leases, MemoryStore, RunLease
from windlass.errors import IntegrityError, UnreachableError, WindlassError


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(drill, "notify_alert", lambda _context, _run, text: lines.append(text))
    return lines


@pytest.mark.parametrize(
    ("error", "attempt", "is_told"),
    [
        (IntegrityError("its manifest is damaged"), 1, True),
        (UnreachableError("the store is away"), 1, False),
        (UnreachableError("the store is away"), 2, True),
    ],
)
def test_a_drill_that_cannot_be_made_is_told_of_once(
    told: list[str], error: WindlassError, attempt: int, *, is_told: bool
) -> None:
    run: Any = Mock(spec=RunContext, owner=Owner("restore_drill", "one"), catalog=Mock())
    run.name = "demo"
    leases = Leases(MemoryStore(), lambda _: False, lambda: datetime.now(UTC))
    run.drill_lease.return_value = RunLease(leases, "demo", run.owner)
    run.session.return_value = nullcontext(Mock())
    run.vault.return_value.manifest.side_effect = error
    context: Any = {"ti": Mock(try_number=attempt), "dag_run": Mock(partition_key="demo"), "params": {}}
    context["ti"].xcom_pull.return_value = "20261123T074500Z-r1042"

    with pytest.raises(type(error)):
        DrillRunOperator(task_id="drill", retries=1).act(context, run)

    assert (told == [f"drill with bundle 20261123T074500Z-r1042 could not be made: {error}"]) is is_told
    assert run.drill_lease().current() is None
