"""Plans in words."""

from __future__ import annotations

from windlass.domain.remediation.actions import RemediationPlan


def plan_lines(plan: RemediationPlan) -> list[str]:
    """Return a plan for people, a line for each thing."""
    if plan.is_empty:
        return ["all is well and as rendered: nothing to do"]
    return [
        *(f"would do: {one}" for one in plan.repairs),
        *(str(one) for one in plan.held),
        *(f"only shown, as the spec says: {one}" for one in plan.reported),
        *(f"needs a person: {one}" for one in plan.stops),
    ]
