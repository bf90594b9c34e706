"""Which bundle an upgrade could go back to, over a store in memory."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import Mock

import pytest

from unit.backup.examples import manifest
from unit.cluster_run import FakeRun
from windlass.domain.lease import Owner
from windlass.domain.rollout.gate import GateFinding, GateLevel
from windlass.errors import NotReadyError
from windlass.operations.rollout import check_gate
from windlass.operations.rollout.check_gate import fresh_bundle

MINE = manifest().etcd.cluster_id


@pytest.fixture
def run() -> FakeRun:
    return FakeRun(Owner("upgrade_cluster", "one"))


def hold(run: FakeRun, minutes: int) -> str:
    return str(run.hold_bundle(timedelta(minutes=minutes)))


def ask(run: FakeRun, etcd_id: str = MINE, *, take: bool = True) -> GateFinding:
    return fresh_bundle(run, Mock(), etcd_id, lambda _: None, take=take)


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> Mock:
    made = Mock(return_value=Mock(id="a new one"))
    monkeypatch.setattr(check_gate, "take_bundle", made)
    return made


def test_a_young_bundle_of_this_etcd_is_good_enough(run: FakeRun, taken: Mock) -> None:
    bundle = hold(run, minutes=3)
    assert ask(run).text == f"{bundle}, verified, 3 min old"
    taken.assert_not_called()


def test_one_is_taken_where_there_is_none_or_an_old_one(run: FakeRun) -> None:
    assert ask(run).text == "a new one, taken and verified now"
    hold(run, minutes=11)
    assert ask(run).text == "a new one, taken and verified now"


def test_a_bundle_of_another_etcd_is_no_way_back(run: FakeRun) -> None:
    hold(run, minutes=1)
    assert ask(run, "8e9e05c5").text == "a new one, taken and verified now"


def test_a_plan_takes_none(run: FakeRun, taken: Mock) -> None:
    assert ask(run, take=False).text == "a fresh one is taken before anything is changed"
    taken.assert_not_called()


def test_an_upgrade_without_a_way_back_is_held_up(run: FakeRun, taken: Mock) -> None:
    taken.side_effect = NotReadyError("no member answers")
    found = ask(run)
    assert found.verdict is GateLevel.BLOCKED
    assert "no member answers" in found.text
