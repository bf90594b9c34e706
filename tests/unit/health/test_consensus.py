from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from windlass.domain.health import Outcome, Sight, Thresholds, Verdict, View, judge, vantages_of
from windlass.domain.health.status import State, Status

THRESHOLDS = Thresholds(interval=2, response_timeout=2, unhealthy=3, healthy=2, initializing=60, reinitializing=60)
NAMES = st.sets(st.text("abcdefgh-123", min_size=1, max_size=6), min_size=1, max_size=12)


@st.composite
def views(draw: st.DrawFn) -> list[View]:
    made = []
    for name in draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True)):
        outcome = draw(st.sampled_from(Outcome))
        failures = draw(st.integers(1, 5)) if outcome.is_failure else 0
        passes = draw(st.integers(1, 5)) if outcome is Outcome.PASSED else 0
        sight = Sight(failures, passes, outcome, 0.0)
        made.append(View(name, sight, is_heard=draw(st.booleans()), is_contradicted=draw(st.booleans())))
    return made


@given(views())
def test_no_verdict_comes_from_those_who_cannot_see(given_views: list[View]) -> None:
    seeing = [view for view in given_views if view.can_see]
    judgement = judge(THRESHOLDS, given_views)
    counted = [view for view in given_views if view.can_see or view.is_held_up]
    assert judgement == judge(THRESHOLDS, counted)
    assert (judgement.verdict is Verdict.UNSEEN) == (not seeing)


@given(views())
def test_one_that_was_held_up_can_only_keep_a_verdict_of_unhealthy_away(given_views: list[View]) -> None:
    seeing = [view for view in given_views if view.can_see]
    if judge(THRESHOLDS, given_views).verdict is Verdict.UNHEALTHY:
        assert judge(THRESHOLDS, seeing).verdict is Verdict.UNHEALTHY


def test_one_vantage_point_does_not_decide_alone_beside_others_that_are_held_up() -> None:
    failing = View("a", Sight(5, 0, Outcome.HUNG, 0.0), is_heard=True, is_contradicted=False)
    held_up = View("b", Sight(0, 0, Outcome.HELD_UP), is_heard=True, is_contradicted=False)
    dead = View("c", Sight(0, 0, Outcome.HELD_UP), is_heard=False, is_contradicted=False)
    assert judge(THRESHOLDS, [failing, held_up]).verdict is Verdict.UNDECIDED
    assert judge(THRESHOLDS, [failing, dead]).verdict is Verdict.UNHEALTHY


# One in four of the views that are drawn makes unhealthy: by chance it can be one in six of the first fifty.
@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(views())
def test_unhealthy_needs_the_majority_and_one_who_saw_it_in_full(given_views: list[View]) -> None:
    judgement = judge(THRESHOLDS, given_views)
    assume(judgement.verdict is Verdict.UNHEALTHY)
    assert 2 * len(judgement.agreeing) > len(judgement.seeing)
    assert any(view.sight.failures >= THRESHOLDS.unhealthy for view in judgement.agreeing)
    assert all(view.sight.failures >= THRESHOLDS.unhealthy - 1 for view in judgement.agreeing)


@given(views(), st.sampled_from(["healthy", "unknown"]))
def test_only_a_verdict_of_unhealthy_makes_unhealthy(given_views: list[View], before: str) -> None:
    verdict = judge(THRESHOLDS, given_views).verdict
    after = State(Status(before), 0.0).after(verdict, 1.0)
    assert (after.status is Status.UNHEALTHY) == (verdict is Verdict.UNHEALTHY)


@given(NAMES)
def test_vantage_points_are_others_up_to_three_and_spread(names: set[str]) -> None:
    found = {name: vantages_of(name, names) for name in names}
    for name, vantages in found.items():
        assert name not in vantages
        assert len(vantages) == len(set(vantages)) == min(3, len(names) - 1)
        assert vantages == vantages_of(name, sorted(names, reverse=True))
    leads = [vantages[0] for vantages in found.values() if vantages]
    assert len(leads) == len(set(leads)), "each host leads for one other"


@given(NAMES, st.text("xyz", min_size=1, max_size=3))
def test_a_host_that_comes_changes_few(names: set[str], new: str) -> None:
    assume(len(names) > 4)
    before = {name: vantages_of(name, names) for name in names}
    after = {name: vantages_of(name, {*names, new}) for name in names}
    assert sum(before[name] != after[name] for name in names) <= 3
