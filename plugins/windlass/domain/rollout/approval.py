"""Whether a person must approve a rollout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from windlass.domain.spec.care import TWO_PEOPLE
from windlass.domain.spec.models import Upgrade
from windlass.domain.spec.windows import parse_window


@dataclass(frozen=True)
class Approval:
    """Whether somebody must be asked, and why (not)."""

    is_needed: bool
    reason: str


def approval_of(settings: Upgrade, now: datetime, *, auto_approve: bool, outside_window: bool) -> Approval:
    """Return whether a rollout that would start `now` (with its zone) needs a person.

    `auto_approve` answers in advance. Within a window of the spec nobody is asked. Outside of all windows somebody is,
    even where approval is automatic, unless the run says `outside_window`; without windows the spec's word counts.
    Where two people must be behind it, neither the run nor a window answers for the second.
    """
    if settings.approval == TWO_PEOPLE:
        return Approval(is_needed=True, reason=f"spec.upgrade.approval is {TWO_PEOPLE}")
    if auto_approve:
        return Approval(is_needed=False, reason="approved when the run was started")
    within = [text for text in settings.windows if parse_window(text).contains(now)]
    if within:
        return Approval(is_needed=False, reason=f"within the maintenance window `{within[0]}`")
    if settings.approval == "automatic" and (outside_window or not settings.windows):
        also = ", and the run may leave the windows" if settings.windows else ""
        return Approval(is_needed=False, reason=f"spec.upgrade.approval is automatic{also}")
    if settings.windows:
        return Approval(is_needed=True, reason="no maintenance window of the spec is open")
    return Approval(is_needed=True, reason="spec.upgrade.approval is required")
