"""Plans and results in words."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.domain.remediation.actions import RemediationPlan


@dataclass(frozen=True)
class RemediationResult:
    """What a run did and what it left: all in words."""

    done: tuple[str, ...]
    failed: tuple[str, ...]
    deferred: tuple[str, ...]
    needs_operator: tuple[str, ...]
    reported: tuple[str, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is left that is unhealthy."""
        return not (self.deferred or self.needs_operator)

    def to_dict(self) -> dict[str, list[str]]:
        """Return the result under the keys that those who read a run's result know."""
        return {
            "done": list(self.done),
            "failed": list(self.failed),
            "held": list(self.deferred),
            "stops": list(self.needs_operator),
            "reported": list(self.reported),
        }


def plan_lines(plan: RemediationPlan) -> list[str]:
    """Return a plan for people, a line for each component."""
    if plan.is_empty:
        return ["all is healthy and as rendered: nothing to do"]
    return [
        *(f"would do: {one}" for one in plan.actions),
        *(str(one) for one in plan.deferred),
        *(f"only shown, as the spec says: {one}" for one in plan.reported),
        *(f"needs an operator: {one}" for one in plan.needs_operator),
    ]
