from __future__ import annotations

from typing import Any

import pytest

from unit.markdown.shown import Item, headings, items
from unit.rollout.test_gate import MEMBERS, NAMES
from windlass.domain.etcd.quorum import Membership
from windlass.domain.rollout import ADD_ONS, API_SERVER, ETCD, HOST, PREFETCH, GateReport, Step
from windlass.domain.rollout.gate import GateFinding, GateLevel, finding, warning
from windlass.domain.rollout.plan_details import PlanDetails
from windlass.domain.rollout.question import render_question
from windlass.domain.rollout.rollout_plan import RolloutPlan, planned_steps

SOUND = GateFinding("nodes", GateLevel.PASSED, "all nodes are Ready")
WARNED = warning("outage", ["the API is away"], "let everybody know", "")
CROWDED = warning("capacity", [f"shop/web-{number} has nowhere else to run" for number in range(9)], "add a worker", "")
BLOCKED = finding("disk", ["w-1: 5 MiB free", "w-2: 6 MiB free"], "make room on that host", "")
LOG = "(all of them: the log of the task gate)"
OLD, NEW = "v1.36.3", "v1.37.2"
PASSAGE = f"{OLD} -> {NEW}"


def asked(*steps: Step, findings: tuple[GateFinding, ...] = (SOUND,), **more: Any) -> str:
    planned = planned_steps(steps, Membership(MEMBERS, NAMES), PlanDetails())
    return render_question(RolloutPlan("demo", PASSAGE, (OLD, NEW), GateReport(findings), planned, **more))


def test_an_upgrade_is_called_so_and_every_other_change_is_not() -> None:
    assert asked().startswith("## Upgrade demo: ")
    same = RolloutPlan("demo", f"{NEW} with a changed spec", (NEW, NEW), GateReport((SOUND,)), ())
    assert render_question(same).startswith(f"## Change demo: {NEW} with a changed spec?\n")


def rolled(*names: str, what: str = "kubelet v1.36.3 -> v1.37.2") -> Step:
    return Step(
        HOST, names, tuple(line for name in names for line in (f"{name}: drain", f"{name}: {what}")), drains=True
    )


def labels(markdown: str) -> list[str]:
    return [item.text for item in items(markdown, "The plan")]


def test_each_finding_is_an_item_with_its_level_first_and_what_needs_eyes_before_what_passed() -> None:
    told = asked(findings=(SOUND, WARNED, BLOCKED, CROWDED))

    blocked, warned, crowded = items(told, "To look at first")
    assert blocked == Item(
        "blocks disk",
        [Item("w-1: 5 MiB free"), Item("w-2: 6 MiB free"), Item("What to do: make room on that host")],
    )
    assert warned == Item("warns outage: the API is away", [Item("What to do: let everybody know")])
    assert [one.text for one in crowded.below[-2:]] == [f"and 4 more {LOG}", "What to do: add a worker"]
    assert items(told, "What passed") == [Item("passes nodes: all nodes are Ready")]
    assert headings(told) == ["Upgrade demo: v1.36.3 -> v1.37.2?", "To look at first", "What passed"]
    assert "**1 finding that blocks, 2 warnings, 1 passed**. The plan: **nothing to do**" in told


def test_the_plan_says_step_hosts_and_what_changes_and_tells_of_equal_neighbours_once() -> None:
    told = asked(
        Step(PREFETCH, ("cp-1", "w-1"), ("cp-1: fetch etcd v3.7.3", "cp-1: fetch kubelet", "w-1: fetch kubelet")),
        *(Step(ETCD, (name,), (f"{name}: etcd v3.6.16 -> v3.7.3",)) for name in ("cp-2", "cp-3", "cp-1")),
        Step(API_SERVER, ("cp-1",), ("cp-1: kube-apiserver v1.36.3 -> v1.37.2",)),
        rolled("w-1", "w-2"),
        rolled("w-3"),
        rolled("w-4", what="files: /etc/x"),
        Step(ADD_ONS, (), ("Deployment kube-system/coredns: image",)),
        notes=("etcd moves.",),
    )
    assert items(told, "The plan") == [
        Item("Step 1: fetch on cp-1", [Item("etcd v3.7.3, kubelet")]),
        Item("Step 1: fetch on w-1", [Item("kubelet")]),
        Item(
            "Steps 2 to 4: etcd on cp-2, cp-3, cp-1 (one by one)",
            [Item("etcd v3.6.16 -> v3.7.3"), Item("quorum: now 3 of 3; after this step 2 of 3; tolerates 0")],
        ),
        Item("Step 5: API server on cp-1", [Item("kube-apiserver v1.36.3 -> v1.37.2")]),
        Item("Steps 6 to 7: host on w-1, w-2, w-3 (2 at a time)", [Item("drain"), Item("kubelet v1.36.3 -> v1.37.2")]),
        Item("Step 8: host on w-4", [Item("drain"), Item("files: /etc/x")]),
        Item("Step 9: add-ons", [Item("Deployment kube-system/coredns: image")]),
    ]
    assert items(told, "Notes on the release") == [Item("etcd moves.")]
    assert "The gate: **no warnings, 1 passed**. The plan: **9 steps on 7 hosts**." in told


def test_fifty_equal_workers_take_one_item_and_fifty_different_ones_a_bounded_list() -> None:
    names = [f"w-{number}" for number in range(1, 51)]
    assert labels(asked(*(rolled(name) for name in names))) == [
        "Steps 1 to 50: host on w-1, w-2, w-3, …, w-50 (50 hosts, one by one)"
    ]
    different = labels(asked(*(rolled(name, what=f"files: /etc/{name}") for name in names)))
    assert (len(different), different[-1]) == (30, f"and 21 more {LOG}")


def test_no_text_however_long_makes_the_question_endless() -> None:
    long = "x" * 100_000
    many = tuple(f"w-1: {number} {long[:5000]}" for number in range(500))
    told = asked(*(Step(HOST, ("w-1",), (f"w-1: {number}", *many)) for number in range(100)), findings=(WARNED,) * 20)
    assert len(told) < 300_000
    assert len(asked(findings=(GateFinding("nodes", GateLevel.WARNING, long, long),))) < 2_000


@pytest.mark.parametrize("hostile", ["x\n- **passes** nodes: fine", "`\n```\n# Approve", "<b>x</b> | y\n|---|---|"])
def test_what_others_wrote_is_no_markup_of_the_question(hostile: str) -> None:
    told = asked(
        Step(HOST, ("w-1",), (f"w-1: {hostile}",)), findings=(warning("nodes", [hostile, hostile], hostile, ""),)
    )
    assert headings(told) == ["Upgrade demo: v1.36.3 -> v1.37.2?", "To look at first", "The plan"]
    (warned,) = items(told, "To look at first")
    assert len(warned.below) == 3
    assert warned.below[0].text.split() == hostile.split()
