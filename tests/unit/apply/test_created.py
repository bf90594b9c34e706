from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import pytest

from windlass.domain.apply.created import CreatedRecord
from windlass.effects.clock import Clock
from windlass.effects.store import ClusterRecords, MemoryStore
from windlass.errors import NotReadyError
from windlass.operations.apply import created
from windlass.operations.apply.created import record_verified

NOW = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)


class _Cluster:
    """Whatever etcd says of itself at each verification."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.records = ClusterRecords(MemoryStore(), "demo")
        self.etcd: int | None = 0xA1
        self.now = NOW
        monkeypatch.setattr(created, "observe_etcd", self._observed)

    def _observed(self, *_: Any) -> Any:
        return Mock(cluster_id=self.etcd, reasons={"cp-1": "cp-1: no answer"})

    def verified(self) -> CreatedRecord | None:
        record_verified(self.records, Mock(clock=replace(Clock(), now=lambda: self.now)), Mock())
        return self.records.created()


def test_the_first_verification_ends_the_creation_and_later_ones_leave_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = _Cluster(monkeypatch)
    assert cluster.verified() == CreatedRecord(NOW, "a1")
    cluster.now = NOW.replace(hour=11)
    assert cluster.verified() == CreatedRecord(NOW, "a1")


def test_a_restored_cluster_of_etcd_is_known_by_its_own_id(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = _Cluster(monkeypatch)
    cluster.verified()
    cluster.etcd, cluster.now = 0xB2, NOW.replace(hour=11)
    assert cluster.verified() == CreatedRecord(NOW.replace(hour=11), "b2")


def test_where_no_member_says_which_cluster_it_is_of_the_cluster_is_still_being_created(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = _Cluster(monkeypatch)
    cluster.etcd = None
    with pytest.raises(NotReadyError, match="no member of etcd gives the cluster's id: cp-1: no answer"):
        cluster.verified()
    assert cluster.records.created() is None
