from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from windlass.domain.rollout import approval_of
from windlass.domain.spec.models import Upgrade

MONDAY_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OPEN, SHUT = ["mon 11:00-13:00"], ["sun 01:00-02:00"]


@pytest.mark.parametrize(
    ("approval", "windows", "params", "needed"),
    [
        ("required", [], {}, True),
        ("required", [], {"auto_approve": True}, False),
        ("required", OPEN, {}, False),
        ("required", SHUT, {}, True),
        ("required", SHUT, {"outside_window": True}, True),
        ("automatic", [], {}, False),
        ("automatic", OPEN, {}, False),
        ("automatic", SHUT, {}, True),
        ("automatic", SHUT, {"outside_window": True}, False),
    ],
)
def test_who_must_be_asked(approval: str, windows: list[str], params: dict[str, bool], *, needed: bool) -> None:
    settings: Any = Upgrade.model_validate({"approval": approval, "windows": windows})
    asked = {"auto_approve": False, "outside_window": False} | params
    found = approval_of(settings, MONDAY_NOON, **asked)
    assert found.is_needed is needed
    assert found.reason
