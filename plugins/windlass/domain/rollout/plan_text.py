"""An upgrade in words: all of it for the log, and the question for who is to approve it."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.domain.rollout.gate_result import GateResult
from windlass.domain.rollout.plan import Step
from windlass.domain.rollout.question import RolloutQuestion, quorum_after
from windlass.domain.rollout.upgrade_path import UpgradePath


def plan_text(path: UpgradePath, gate: GateResult, steps: Sequence[Step]) -> str:
    """Return findings and plan for people, and what the steps on etcd's members do to its quorum."""
    lines = [
        f"cluster `{path.after.name}`, {path.name}",
        "",
        "The gate:",
        *(f"  {line}" for line in str(gate.report).splitlines()),
    ]
    lines += ["", *(f"Note: {note}" for note in path.release.notes)]
    lines += ["", f"The plan, {len(steps)} steps:" if steps else "The plan: nothing to do"]
    for step in steps:
        lines += [f"  {step.label}", *(f"    - {does}" for does in step.does)]
        lines += [f"    - quorum: {told}" for told in quorum_after(gate.membership, step)]
    return "\n".join(lines)


def question_of(path: UpgradePath, gate: GateResult, steps: Sequence[Step]) -> RolloutQuestion:
    """Return what a person is asked who is to approve `steps`."""
    notes = tuple(path.release.notes)
    return RolloutQuestion(path.after.name, path.name, gate.report, tuple(steps), gate.membership, notes)
