from __future__ import annotations

from dataclasses import replace

import pytest

from unit.markdown.shown import headings, items
from unit.recovery.test_recovery import NOW
from windlass.domain.recovery import DataLoss, RecoveryPlan
from windlass.domain.recovery.question import RecoveryQuestion, render_question

PLAN = RecoveryPlan(("cp-1", "cp-2", "w-1"), ("cp-1", "cp-2"), ("cp-3",), "0 of 3")
LOSS = DataLoss("20261124T075300Z-r1042", NOW.replace(hour=7, minute=53), 1042, NOW, 1107)


def shown(plan: RecoveryPlan = PLAN, loss: DataLoss = LOSS) -> str:
    return render_question(RecoveryQuestion("demo", "v1.37.2", plan, loss))


def texts(markdown: str, heading: str) -> list[str]:
    return [item.text for item in items(markdown, heading)]


def test_what_is_lost_comes_first_then_what_comes_back_and_what_does_not() -> None:
    told = shown()
    question, *sections = headings(told)
    assert question == "Recover demo from bundle 20261124T075300Z-r1042?"
    assert sections == ["What is lost", "What happens", "What is left out"]
    assert texts(told, "What is lost") == [
        "65 revisions: a member still tells revision 1107",
        "The bundle was taken 7 min ago, at 2026-11-24 07:53:00 UTC, at revision 1042",
    ]
    assert texts(told, "What happens")[:2] == [
        "Kubernetes v1.37.2 comes back on cp-1, cp-2, w-1",
        "etcd: now 0 of 3 members have a leader; after this 2 of 2 (cp-1, cp-2); tolerates 0",
    ]
    assert texts(told, "What is left out")[0] == "No answer from cp-3"


@pytest.mark.parametrize(
    ("live", "told"), [(None, "Whatever was written since"), (1042, "Nothing:"), (1043, "1 revision:")]
)
def test_the_loss_is_told_as_far_as_it_is_known(live: int | None, told: str) -> None:
    assert texts(shown(loss=replace(LOSS, live_revision=live)), "What is lost")[0].startswith(told)


def test_many_hosts_are_counted_and_a_whole_cluster_leaves_nothing_out() -> None:
    many = replace(PLAN, hosts=tuple(f"w-{number}" for number in range(50)), absent=())
    told = shown(many)
    assert texts(told, "What happens")[0].endswith("and 21 more (all of them: the log of the task plan)")
    assert headings(told)[1:] == ["What is lost", "What happens"]
