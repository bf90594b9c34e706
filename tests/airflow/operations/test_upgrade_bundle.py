"""Which bundle an upgrade could go back to, over a store in memory."""

from __future__ import annotations

import io
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from unit.backup.examples import manifest, new_keys
from windlass.airflow import rollout
from windlass.airflow.rollout import fresh_bundle
from windlass.domain.backup import SNAPSHOT, STATE, BundleId
from windlass.domain.rollout.gate import GateLevel
from windlass.effects.bundles import Vault
from windlass.effects.store import MemoryStore
from windlass.errors import NotReadyError

MINE = manifest().etcd.cluster_id


@pytest.fixture
def vault() -> Vault:
    return Vault(MemoryStore(), "demo", new_keys())


def hold(vault: Vault, minutes: int) -> str:
    bundle = BundleId.of(datetime.now(UTC) - timedelta(minutes=minutes), 1042)
    parts = {name: vault.write_part(bundle, name, io.BytesIO(b"x")) for name in (SNAPSHOT, STATE)}
    vault.commit(manifest(id=str(bundle), parts=parts))
    return str(bundle)


def ask(vault: Vault, etcd_id: str = MINE, *, take: bool = True) -> Any:
    run = Mock(**{"vault.return_value": vault, "session.side_effect": lambda _: nullcontext(Mock())})
    return fresh_bundle(run, Mock(), etcd_id, lambda _: None, take=take)


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> Mock:
    made = Mock(return_value=Mock(id="a new one"))
    monkeypatch.setattr(rollout, "take_bundle", made)
    return made


def test_a_young_bundle_of_this_etcd_is_good_enough(vault: Vault, taken: Mock) -> None:
    bundle = hold(vault, minutes=3)
    assert ask(vault).text == f"{bundle}, verified, 3 min old"
    taken.assert_not_called()


def test_one_is_taken_where_there_is_none_or_an_old_one(vault: Vault) -> None:
    assert ask(vault).text == "a new one, taken and verified now"
    hold(vault, minutes=11)
    assert ask(vault).text == "a new one, taken and verified now"


def test_a_bundle_of_another_etcd_is_no_way_back(vault: Vault) -> None:
    hold(vault, minutes=1)
    assert ask(vault, "8e9e05c5").text == "a new one, taken and verified now"


def test_a_plan_takes_none(vault: Vault, taken: Mock) -> None:
    assert ask(vault, take=False).text == "a fresh one is taken before anything is changed"
    taken.assert_not_called()


def test_an_upgrade_without_a_way_back_is_held_up(vault: Vault, taken: Mock) -> None:
    taken.side_effect = NotReadyError("no member answers")
    found = ask(vault)
    assert found.verdict is GateLevel.BLOCKED
    assert "no member answers" in found.text
