"""A spec that leaves nobody who could change who has which rights is told before it is approved."""

from __future__ import annotations

import pytest

from unit.rendering.conftest import TOPOLOGIES, make_cluster
from windlass.domain.rollout.gate import GateLevel
from windlass.domain.rollout.rights_left import rights_findings
from windlass.domain.spec import Cluster

Roles = dict[str, list[str]]
SPLIT: Roles = {"user:anna": ["operate", "delete"], "user:bea": ["approve"]}


def cluster(roles: Roles) -> Cluster:
    return make_cluster(TOPOLOGIES["overlapping"], access={"roles": roles})


def test_rights_that_nobody_has_all_of_are_told() -> None:
    (found,) = rights_findings(cluster({}), cluster(SPLIT))
    assert found.verdict is GateLevel.WARNING
    assert "has all of approve, delete, operate" in found.text
    assert "give them to somebody" in found.remedy


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (SPLIT, {}),
        (SPLIT, SPLIT),
        ({}, {**SPLIT, "Admin": ["operate", "approve", "delete"]}),
        (SPLIT, {"team:platform": ["delete", "approve", "operate", "see"]}),
    ],
)
def test_nothing_is_said_where_somebody_has_all_or_nothing_changes(before: Roles, after: Roles) -> None:
    assert rights_findings(cluster(before), cluster(after)) == ()
