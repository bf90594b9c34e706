"""What a run of an upgrade came to, in one value and in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from windlass.domain.rollout.record import Pause
from windlass.domain.rollout.upgrade_path import UpgradeRequest
from windlass.operation_names import Operation

_ONLY_PLANNED = f"there is no cluster yet: a run of `{Operation.CREATE}` shows its plan; nothing was changed"
State = Literal["planned", "created", "nothing", "done", "paused"]


@dataclass(frozen=True)
class UpgradeRun:
    """What the steps of a run have handed over, as plain values."""

    request: UpgradeRequest
    gate: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]
    """What was to be done, step by step."""
    undone: frozenset[int]
    """The numbers of the steps that a pause has kept from being done."""
    goes_to_the_end: bool
    """Whether the steps are all that was left, rather than those up to a host."""
    changes: Sequence[Mapping[str, Sequence[str]] | None]
    """What each step has changed, by host."""

    @property
    def left_out(self) -> Mapping[str, str]:
        """Return the hosts that did not answer when it was planned, and those that were held for them, with reasons."""
        return self.gate.get("left_out") or {}

    @property
    def creates(self) -> bool:
        """Whether there was no cluster to roll anything out on."""
        return bool(self.gate.get("creates"))

    @property
    def is_complete(self) -> bool:
        """Whether all that was left is done: the steps went to the end, and no pause has cut them short."""
        return not self.undone and self.goes_to_the_end

    @property
    def done(self) -> list[Mapping[str, Any]]:
        """Return the steps that were done."""
        return [step for number, step in enumerate(self.steps) if number not in self.undone]

    @property
    def state(self) -> State:
        """Return what the run came to."""
        if self.request.plan_only:
            return "planned"
        if self.creates:
            return "created"
        if not self.steps:
            return "nothing"
        return "done" if self.is_complete else "paused"

    def value(self, cluster: str) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "cluster": cluster,
            "from": self.gate.get("from"),
            "to": self.gate.get("to"),
            "state": self.state,
            "steps": [step["label"] for step in (self.done if self.steps else self.gate.get("steps", []))],
            "changed": [
                f"{host}: {what}" for done in self.changes if done for host, whats in done.items() for what in whats
            ],
            "left_out": dict(self.left_out),
            "warnings": [one for one in self.gate.get("findings", []) if one["verdict"] == "warning"],
        }

    def sentence(self, pause: Pause | None) -> str:
        """Say what the run came to; `pause` is what was asked of it."""
        value = self.value("")
        way = value["to"] if value["from"] == value["to"] else f"{value['from']} -> {value['to']}"
        sentence = {
            "planned": _ONLY_PLANNED if self.creates else f"{way}: planned only, nothing was changed",
            "created": f"there was no cluster: left to a run of `{Operation.CREATE}`",
            "nothing": f"{value['to']}: nothing to change",
            "done": f"{way}: done, {len(value['changed'])} changes",
            "paused": f"{way}: paused {self._where(pause)}",
        }[self.state]
        if not self.left_out:
            return sentence
        hosts = ", ".join(self.left_out)
        return f"{sentence}; left out, to be finished by `{Operation.APPLY}` once they are back: {hosts}"

    def _where(self, pause: Pause | None) -> str:
        if not self.undone:
            return f"after {self.request.stop_after}; the cluster serves; without `stop_after` it goes on"
        where = f"after {self.done[-1]['label']}" if self.done else "before its first step"
        return f"{where}{f' ({pause})' if pause else ''}; the cluster serves; the same rollout again goes on"
