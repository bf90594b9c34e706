"""What a run of an upgrade decides and hands over, without hosts and without Airflow."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest

from unit.catalog.test_tested import LOCK, PASSED, RELEASE, WITHOUT_DRILL, lock
from unit.cluster_run import FakeRun, held_by
from unit.markdown.shown import Item, items
from unit.rollout.conftest import CATALOG, NEW, OLD
from unit.rollout.test_gate import MEMBERS, NAMES
from unit.rollout.test_rollout_plan import OVERLAPPING, cluster
from windlass.domain.catalog.tested import record_of
from windlass.domain.etcd.quorum import Membership
from windlass.domain.lease import Owner
from windlass.domain.pki import Signer, issue_pki, new_authority
from windlass.domain.rollout import ETCD, HOST, GateReport, Step, plan_rollout
from windlass.domain.rollout.fixed_point import is_rolled_out
from windlass.domain.rollout.gate import GateFinding, GateLevel
from windlass.domain.rollout.gate_result import GateResult, release_finding
from windlass.domain.rollout.record import Pause, RolloutRecord
from windlass.domain.rollout.result import UpgradeRun
from windlass.domain.rollout.rollout_plan import rollout_plan
from windlass.domain.rollout.step import HostState
from windlass.domain.rollout.upgrade_path import UpgradePath, UpgradeRequest, upgrade_path
from windlass.domain.spec.version import at_version
from windlass.errors import RefusedError, SkippedError, WindlassError
from windlass.operations.rollout import approved_plan, upgrade
from windlass.operations.rollout.approved_plan import remember_rollout
from windlass.operations.rollout.pause import ask_to_pause
from windlass.operations.rollout.upgrade import (
    do_upgrade_step,
    end_upgrade_run,
    plan_upgrade,
    skip_if_paused,
    take_over_cluster,
)

ROLLING, ASKING = Owner("upgrade_cluster", "one"), Owner("pause_upgrade", "two")
STEPS = (
    Step(ETCD, ("cp-2",), ("cp-2: etcd v3.6.16 -> v3.7.3",)),
    Step(HOST, ("cp-2",), ("cp-2: kubelet v1.36.3 -> v1.37.2",)),
)
STEP = STEPS[0]
PAUSE = Pause("one", "two", "2026-11-24T07:00:00+00:00", "the shop is full")
BEFORE = at_version(cluster(OVERLAPPING), OLD)
PATH = UpgradePath(BEFORE, at_version(BEFORE, NEW), replace(CATALOG.release(NEW), notes=("etcd moves.",)))
NOW = datetime(2026, 11, 24, tzinfo=UTC)
SETTLED = UpgradePath(PATH.after, PATH.after, PATH.release)
RESULT = GateResult(GateReport(()), STEPS, membership=Membership(MEMBERS, NAMES))


@pytest.fixture
def run() -> FakeRun:
    made = FakeRun(ROLLING, BEFORE, reason=PAUSE.reason)
    made.catalog = CATALOG
    return made


def ignore(_: str) -> None:
    pass


def test_the_plan_says_what_each_step_on_etcd_does_to_its_quorum() -> None:
    assert rollout_plan(PATH, RESULT, STEPS).text().splitlines()[-6:] == [
        "The plan, 2 steps:",
        "  etcd cp-2",
        "    - cp-2: etcd v3.6.16 -> v3.7.3",
        "    - quorum: now 3 of 3; after this step 2 of 3; tolerates 0",
        "  host cp-2",
        "    - cp-2: kubelet v1.36.3 -> v1.37.2",
    ]


def test_the_gate_hands_over_the_plan_as_text_and_the_question_as_markdown(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approved_plan, "path_of", lambda *_: PATH)
    monkeypatch.setattr(approved_plan, "check_gate", lambda *_: RESULT)

    plan = plan_upgrade(run, UpgradeRequest(), ignore)

    sign = partial(run.keys.fingerprint, run.name)
    assert plan.value["text"] == rollout_plan(PATH, RESULT, STEPS, sign=sign).text()
    assert [item.text for item in items(plan.value["question"], "The plan")] == [
        "Step 1: etcd on cp-2",
        "Step 2: host on cp-2",
    ]
    assert items(plan.value["question"], "Notes on the release") == [Item("etcd moves.")]
    assert not plan.is_settled


def test_what_holds_an_upgrade_up_is_logged_and_refused(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = GateResult(GateReport((GateFinding("bundle", GateLevel.BLOCKED, "no member answers", "see why"),)), STEPS)
    monkeypatch.setattr(approved_plan, "check_gate", lambda *_: blocked)
    told: list[str] = []
    with pytest.raises(RefusedError, match=rf"demo: {OLD} -> {NEW} is refused by the gate:\n  bundle: no member"):
        plan_upgrade(run, UpgradeRequest(version=NEW), told.append)
    assert "blocked  bundle: no member answers" in told[0]


def test_another_authority_of_the_users_is_refused_though_nothing_else_is_changed(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approved_plan, "path_of", lambda *_: SETTLED)
    monkeypatch.setattr(approved_plan, "check_gate", lambda *_: GateResult(GateReport(()), ()))
    run.records.save_pki(issue_pki(SETTLED.after, NOW), run.keys)
    assert plan_upgrade(run, UpgradeRequest(), ignore).is_settled

    run.user_authorities = {Signer.KUBERNETES: new_authority("another", NOW)}

    with pytest.raises(RefusedError, match=r"kubernetes authority is not the one that the cluster runs with.*rotate"):
        plan_upgrade(run, UpgradeRequest(), ignore)
    assert plan_upgrade(run, UpgradeRequest(rotates=("kubernetes-ca",)), ignore).is_settled


def test_the_gate_names_what_is_not_as_it_was_tested() -> None:
    tested = record_of(RELEASE, LOCK, PASSED, "2026-11-24T00:00:00+00:00")
    found = release_finding(RELEASE, tested, lock("sha256:9"), allowed=False)
    assert str(found) == "passed   tests: v1.37.2 is changed since its tests: image:etcd:v3.7.3"
    assert release_finding(RELEASE, tested, LOCK, allowed=False).text == "v1.37.2 is tested"
    without = record_of(RELEASE, LOCK, WITHOUT_DRILL, "2026-11-24T00:00:00+00:00")
    assert "(not verified: no drill)" in release_finding(RELEASE, without, LOCK, allowed=False).text
    assert release_finding(RELEASE, None, LOCK, allowed=False).verdict is GateLevel.BLOCKED
    assert release_finding(RELEASE, None, LOCK, allowed=True).verdict is GateLevel.WARNING


@pytest.mark.parametrize(
    ("given", "version", "after"),
    [(None, "", OLD), (None, NEW, NEW), (PATH.after, "", NEW), (BEFORE, NEW, NEW)],
)
def test_the_version_that_was_asked_for_counts_before_the_given_specs_and_that_before_what_runs(
    given: Any, version: str, after: str
) -> None:
    path = upgrade_path(CATALOG, BEFORE, given, version)
    assert (path.before, path.after.spec.kubernetes.version, path.release.version) == (BEFORE, after, after)


def test_a_cluster_is_as_it_should_be_once_nothing_is_left_to_do() -> None:
    settled = {host.name: HostState() for host in SETTLED.after.spec.hosts.members}
    steps = plan_rollout(SETTLED.after, settled, leader=None, add_ons=())
    assert is_rolled_out(SETTLED, steps, None)
    assert not is_rolled_out(SETTLED, STEPS, None)
    assert not is_rolled_out(PATH, steps, None)
    # One that died between its last step and its end is ended by going through to the end.
    assert not is_rolled_out(SETTLED, steps, RolloutRecord(OLD, NEW, "one", PAUSE.asked))


BETWEEN = RolloutRecord("v1.36.3", "v1.37.2", "one", "2026-11-24T07:00:00+00:00", "20261124T065500Z-r1")
CHANGED = RolloutRecord("v1.37.2", "v1.37.2", "one", "2026-11-24T07:00:00+00:00", "20261124T065500Z-r1")
OTHER = RolloutRecord("v1.35.9", "v1.36.3", "one", "2026-11-24T07:00:00+00:00", "20261124T065500Z-r1")


@pytest.mark.parametrize(
    ("before", "after", "known", "kept"),
    [
        ("v1.36.3", "v1.37.2", None, None),
        ("v1.36.3", "v1.37.2", BETWEEN, (BETWEEN.began, BETWEEN.bundle)),
        ("v1.36.3", "v1.37.2", OTHER, None),
        ("v1.37.2", "v1.37.2", None, None),
        ("v1.37.2", "v1.37.2", CHANGED, (CHANGED.began, CHANGED.bundle)),
        ("v1.36.3", "v1.36.3", BETWEEN, (BETWEEN.began, BETWEEN.bundle)),
    ],
)
def test_that_a_roll_is_under_way_is_recorded_whatever_it_changes_until_it_ends(
    run: FakeRun, before: str, after: str, known: RolloutRecord | None, kept: tuple[str, str] | None
) -> None:
    run.bundles = Mock(**{"inventory.return_value.bundles": ("20261124T075500Z-r9",)})
    if known:
        run.records.save_rollout(known)
    path = UpgradePath(at_version(BEFORE, before), at_version(BEFORE, after), CATALOG.release(after))

    remember_rollout(run, path)

    found = run.records.rollout()
    assert found is not None
    assert (found.began, found.bundle) == kept if kept else found.bundle == "20261124T075500Z-r9"
    assert f"the rollout {'of a changed spec at' if found.before == found.after else 'from v1.36.3 to'} v1." in str(
        found
    )
    run.records.end_rollout()
    assert run.records.rollout() is None


def test_a_step_that_has_not_begun_is_not_done_and_one_that_has_is_done_to_its_end(run: FakeRun) -> None:
    skip_if_paused(run, STEP, ignore, has_begun=False)
    run.records.ask_pause(PAUSE)
    with pytest.raises(SkippedError, match=r"paused before etcd cp-2.*by run two \(the shop is full\)"):
        skip_if_paused(run, STEP, ignore, has_begun=False)
    skip_if_paused(run, STEP, ignore, has_begun=True)


def test_what_was_asked_of_another_run_is_nothing_to_this_one(run: FakeRun) -> None:
    run.owner = Owner("upgrade_cluster", "three")
    run.records.ask_pause(PAUSE)
    skip_if_paused(run, STEP, ignore, has_begun=False)


def test_the_next_run_drops_the_request_and_so_does_the_end_of_the_roll(run: FakeRun) -> None:
    run.records.ask_pause(PAUSE)
    take_over_cluster(run)
    assert run.records.pause() is None
    run.records.ask_pause(PAUSE)
    run.records.end_rollout()
    assert run.records.pause() is None


def test_the_run_that_rolls_is_asked(run: FakeRun) -> None:
    held_by(ROLLING, run.lease())
    run.owner = ASKING

    asked = ask_to_pause(run, ignore)

    assert run.records.pause() == asked == Pause("one", "two", asked.asked, PAUSE.reason)
    ((_, line),) = run.lines
    assert "run one of upgrade_cluster was asked to pause" in line


@pytest.mark.parametrize(
    ("holder", "is_finished", "rollout", "told"),
    [
        (None, False, False, "no rollout is at work"),
        (Owner("heal_cluster", "one"), False, False, "no rollout is at work"),
        (ROLLING, True, True, "the rollout from v1.36.3 to v1.37.2 .* is not at work now"),
    ],
)
def test_where_no_roll_is_at_work_there_is_nothing_to_pause(
    run: FakeRun, holder: Owner | None, told: str, *, is_finished: bool, rollout: bool
) -> None:
    run.owner = ASKING
    if holder:
        held_by(holder, run.lease())
    if rollout:
        run.records.save_rollout(RolloutRecord("v1.36.3", "v1.37.2", "one", "2026-11-24T07:00:00+00:00"))
    run.is_finished = lambda _: is_finished
    with pytest.raises(RefusedError, match=told):
        ask_to_pause(run, ignore)
    assert run.records.pause() is None


def test_the_log_says_where_an_upgrade_has_stopped_and_how_to_go_on(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "do_step", Mock(side_effect=WindlassError("cp-2: etcd did not come up")))
    monkeypatch.setattr(upgrade, "open_views", lambda *_: nullcontext(Mock()))
    with pytest.raises(WindlassError):
        do_upgrade_step(run, UpgradeRequest(version=NEW), STEP, ignore)
    assert run.lines == [("error", "upgrade_cluster: stopped at etcd cp-2: cp-2: etcd did not come up")]


GATE = {
    "from": "v1.36.3",
    "to": "v1.37.2",
    "findings": [{"name": "capacity", "verdict": "warning"}],
    "steps": [STEP.value()],
}
CHANGES = {"cp-2": ["etcd"]}


@pytest.mark.parametrize(
    ("request_", "steps", "complete", "state", "told"),
    [
        (UpgradeRequest(plan_only=True), [], False, "planned", "v1.36.3 -> v1.37.2: planned only, nothing was changed"),
        (UpgradeRequest(), [], False, "nothing", "v1.37.2: nothing to change"),
        (UpgradeRequest(), [STEP.value()], True, "done", "v1.36.3 -> v1.37.2: done, 1 changes"),
        (UpgradeRequest(stop_after="cp-2"), [STEP.value()], False, "paused", "paused after cp-2; the cluster serves"),
    ],
)
def test_the_result_says_in_one_value_what_the_run_came_to(
    run: FakeRun, request_: UpgradeRequest, steps: list[Any], state: str, told: str, *, complete: bool
) -> None:
    ended = UpgradeRun(request_, GATE, steps, frozenset(), complete, [CHANGES] if steps else [])
    run.lease().acquire()

    result = end_upgrade_run(run, ended, ignore)

    assert (result["state"], result["from"], result["to"]) == (state, "v1.36.3", "v1.37.2")
    assert [one["name"] for one in result["warnings"]] == ["capacity"]
    assert result["changed"] == (["cp-2: etcd"] if steps else [])
    if state == "planned":
        assert run.lines == []
        assert run.lease().current() is not None
    else:
        assert told in run.lines[0][1]
        assert run.lease().current() is None


def test_a_change_at_the_same_version_names_it_once(run: FakeRun) -> None:
    gate = GATE | {"from": "v1.37.2"}
    end_upgrade_run(
        run,
        UpgradeRun(UpgradeRequest(), gate, [STEP.value()], frozenset(), goes_to_the_end=True, changes=[CHANGES]),
        ignore,
    )
    assert run.lines[0][1].endswith(": v1.37.2: done, 1 changes")


@pytest.mark.parametrize(("plan_only", "state"), [(True, "planned"), (False, "created")])
def test_of_a_cluster_that_is_not_there_a_plan_creates_nothing(run: FakeRun, state: str, *, plan_only: bool) -> None:
    told: list[str] = []
    ended = UpgradeRun(
        UpgradeRequest(plan_only=plan_only), {"creates": True}, [], frozenset(), goes_to_the_end=False, changes=[]
    )

    result = end_upgrade_run(run, ended, told.append)

    assert result["state"] == state
    assert bool(run.lines) is not plan_only
    assert ("there is no cluster yet" in told[0]) is plan_only


@pytest.mark.parametrize(
    ("undone", "steps", "told"),
    [
        ({1}, ["etcd cp-2"], "paused after etcd cp-2 (a pause was asked for at 2026-11-24T07:00"),
        ({0, 1}, [], "paused before its first step (a pause was asked for at 2026-11-24T07:00"),
    ],
)
def test_the_result_says_after_which_step_it_paused(
    run: FakeRun, undone: set[int], steps: list[str], told: str
) -> None:
    run.records.ask_pause(PAUSE)
    given = [STEP.value(), Step("etcd", ("cp-1",), ()).value()]

    ended = UpgradeRun(UpgradeRequest(), GATE, given, frozenset(undone), goes_to_the_end=True, changes=[])
    result = end_upgrade_run(run, ended, ignore)

    assert (result["state"], result["steps"]) == ("paused", steps)
    assert told in run.lines[0][1]
    assert "the same rollout again goes on" in run.lines[0][1]
