"""Runs of operations as pages show them: how far each is, what it asks, what it has planned, why it failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from windlass.operation_names import Operation

UNFINISHED = frozenset({"queued", "running"})
RESULT = "return_value"
_PLANNED_BY: Mapping[str, tuple[str, ...]] = {
    Operation.APPLY: ("gate",),
    Operation.CREATE: ("plan.preflight", "plan.provision"),
    Operation.UPGRADE: ("gate",),
    Operation.ROTATE: ("drop_gate", "reissue_gate", "trust_gate", "settle_gate"),
    Operation.RECOVER: ("plan",),
    Operation.RESTORE_OBJECTS: ("plan",),
    Operation.REPLACE_MEMBER: ("plan",),
    Operation.REMEDIATE: ("heal",),
    Operation.DELETE: ("confirm",),
}
"""The tasks of each DAG that return what is planned; the first that has returned something counts."""
PLANNERS = frozenset(task for tasks in _PLANNED_BY.values() for task in tasks)


@dataclass(frozen=True)
class StepView:
    """One step of a run."""

    task_id: str
    label: str
    """Which of several alike, such as a host; empty if it is the only one."""
    state: str
    """As Airflow calls it; empty before its turn."""
    seconds: float | None = None
    error: str = ""
    """Why it failed, in its own words."""


@dataclass(frozen=True)
class QuestionView:
    """A question that a run waits for somebody to answer."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    subject: str
    body: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class RunView:
    """One run of an operation."""

    dag_id: str
    run_id: str
    cluster: str
    state: str
    person: str
    """Airflow's name of the user who started it; empty if nobody did."""
    began: datetime | None
    conf: Mapping[str, Any] = field(default_factory=dict)
    tasks: tuple[StepView, ...] = ()
    questions: tuple[QuestionView, ...] = ()
    results: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the tasks that plan have returned."""

    @property
    def is_at_work(self) -> bool:
        """Whether it has not ended."""
        return self.state in UNFINISHED

    @property
    def is_plan(self) -> bool:
        """Whether it changes nothing."""
        return self.conf.get("plan_only") is True

    @property
    def key(self) -> str:
        """A name for it that a page may give to a part of itself."""
        return f"{self.dag_id}/{self.run_id}"

    @property
    def plan(self) -> str:
        """What is planned, in lines; empty while that is not known."""
        return plan_text(self._planned())

    @property
    def digest(self) -> str:
        """The digest of the plan; empty if plans of this operation have none."""
        planned = self._planned()
        plan = planned.get("plan") if isinstance(planned, Mapping) else None
        return str(plan.get("digest") or "") if isinstance(plan, Mapping) else ""

    def _planned(self) -> Any:
        tasks = _PLANNED_BY.get(self.dag_id, ())
        return next((self.results[task] for task in tasks if self.results.get(task) not in (None, {})), None)


def plan_text(planned: Any) -> str:
    """Return a plan in lines, whichever form the operation has for it."""
    if isinstance(planned, Mapping):
        if "text" in planned:
            return str(planned["text"])
        if planned.get("creates"):
            return ""  # of which the run that creates the cluster tells
        return "\n".join(line for name, lines in planned.items() for line in _listed(str(name), lines))
    if isinstance(planned, list | tuple):
        return "\n".join(map(str, planned)) or "nothing to do"
    return "" if planned is None else str(planned)


def _listed(name: str, lines: Any) -> Iterable[str]:
    found = lines if isinstance(lines, list | tuple) else [lines]
    return [f"{name}:", *(f"  - {line}" for line in found)] if found else [f"{name}: nothing to do"]
