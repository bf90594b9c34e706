"""What a person reads before approving an upgrade."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from unit.catalog.test_tested import LOCK, PASSED, RELEASE, WITHOUT_DRILL, lock
from unit.markdown.shown import Item, items
from unit.rollout.test_gate import MEMBERS, NAMES
from windlass.airflow import rollout
from windlass.airflow.operators import rollout as operators
from windlass.airflow.rollout import GateResult, plan_text
from windlass.domain.catalog.tested import record_of
from windlass.domain.etcd.quorum import Membership
from windlass.domain.rollout import ETCD, HOST, GateReport, Step
from windlass.domain.rollout.gate import GateLevel

STEPS = (
    Step(ETCD, ("cp-2",), ("cp-2: etcd v3.6.16 -> v3.7.3",)),
    Step(HOST, ("cp-2",), ("cp-2: kubelet v1.36.3 -> v1.37.2",)),
)


def test_the_plan_says_what_each_step_on_etcd_does_to_its_quorum() -> None:
    upgrade_path = Mock(release=Mock(notes=("etcd moves.",)))
    gate_result = GateResult(GateReport(()), STEPS, membership=Membership(MEMBERS, NAMES))
    assert plan_text(upgrade_path, gate_result, STEPS).splitlines()[-6:] == [
        "The plan, 2 steps:",
        "  etcd cp-2",
        "    - cp-2: etcd v3.6.16 -> v3.7.3",
        "    - quorum: now 3 of 3; after this step 2 of 3; tolerates 0",
        "  host cp-2",
        "    - cp-2: kubelet v1.36.3 -> v1.37.2",
    ]


def test_the_gate_hands_over_the_plan_as_text_and_the_question_as_markdown(monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade_path = Mock(release=Mock(version="v1.37.2", notes=("etcd moves.",)), **{"after.spec.hosts.members": []})
    upgrade_path.after.name, upgrade_path.name = "demo", "v1.36.3 -> v1.37.2"
    upgrade_path.before.spec.kubernetes.version = "v1.36.3"
    gate_result = GateResult(GateReport(()), STEPS, membership=Membership(MEMBERS, NAMES))
    monkeypatch.setattr(rollout.UpgradePath, "of", lambda *_: upgrade_path)
    monkeypatch.setattr(operators, "_look", lambda *_: gate_result)

    context: Any = {"params": {}}
    handed = operators.UpgradeGateOperator(task_id="gate", skips=[]).act(context, Mock())

    assert handed["text"] == plan_text(upgrade_path, gate_result, STEPS)
    assert [item.text for item in items(handed["question"], "The plan")] == [
        "Step 1: etcd on cp-2",
        "Step 2: host on cp-2",
    ]
    assert items(handed["question"], "Notes on the release") == [Item("etcd moves.")]


def test_the_gate_names_what_is_not_as_it_was_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    tested = record_of(RELEASE, LOCK, PASSED, "2026-11-24T00:00:00+00:00")
    monkeypatch.setattr(rollout, "load_record", lambda *_: tested)
    found = rollout._tested(RELEASE, lock("sha256:9"), allowed=False)
    assert str(found) == "passed   tests: v1.37.2 is changed since its tests: image:etcd:v3.7.3"
    assert rollout._tested(RELEASE, LOCK, allowed=False).text == "v1.37.2 is tested"
    without = record_of(RELEASE, LOCK, WITHOUT_DRILL, "2026-11-24T00:00:00+00:00")
    monkeypatch.setattr(rollout, "load_record", lambda *_: without)
    assert "(not verified: no drill)" in rollout._tested(RELEASE, LOCK, allowed=False).text
    monkeypatch.setattr(rollout, "load_record", lambda *_: None)
    assert rollout._tested(RELEASE, LOCK, allowed=False).verdict is GateLevel.BLOCKED
