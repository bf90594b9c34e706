from __future__ import annotations

from e2e.oracle import Acknowledged, judge

ACKNOWLEDGED = {1: Acknowledged(1.0, 11), 2: Acknowledged(2.0, 12), 4: Acknowledged(9.0, 99)}
SENT = {1, 2, 3, 4}


def test_an_unanswered_write_may_be_there_or_not() -> None:
    assert judge(SENT, ACKNOWLEDGED, {1, 2, 4}) == []
    assert judge(SENT, ACKNOWLEDGED, SENT) == []


def test_an_acknowledged_write_must_be_there() -> None:
    assert judge(SENT, ACKNOWLEDGED, {1, 4}) == ["1 acknowledged writes are lost: [2]"]


def test_what_was_never_sent_must_not_be_there() -> None:
    assert judge(SENT, ACKNOWLEDGED, {1, 2, 4, 7}) == ["1 writes were never sent: [7]"]


def test_after_a_recovery_only_the_time_between_snapshot_and_restore_is_lost() -> None:
    assert judge(SENT, ACKNOWLEDGED, {1, 4}, snapshot_revision=11, restored_at=5.0) == []
    assert judge(SENT, ACKNOWLEDGED, {4}, snapshot_revision=11, restored_at=5.0) != []
    assert judge(SENT, ACKNOWLEDGED, {1}, snapshot_revision=11, restored_at=5.0) != []
