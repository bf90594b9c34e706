from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from windlass.domain.health import Agreement, ProbeHistory, ProbeOutcome, Thresholds, VantageView, decide, vantages_of
from windlass.domain.health.status import Status, SubjectState

THRESHOLDS = Thresholds(interval=2, response_timeout=2, unhealthy=3, healthy=2, initializing=60, reinitializing=60)
NAMES = st.sets(st.text("abcdefgh-123", min_size=1, max_size=6), min_size=1, max_size=12)


@st.composite
def views(draw: st.DrawFn) -> list[VantageView]:
    made = []
    for name in draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True)):
        outcome = draw(st.sampled_from(ProbeOutcome))
        failures = draw(st.integers(1, 5)) if outcome.is_failure else 0
        passes = draw(st.integers(1, 5)) if outcome is ProbeOutcome.PASSED else 0
        history = ProbeHistory(failures, passes, outcome, 0.0)
        made.append(VantageView(name, history, is_heard=draw(st.booleans()), is_contradicted=draw(st.booleans())))
    return made


@given(views())
def test_no_verdict_comes_from_those_who_cannot_see(given_views: list[VantageView]) -> None:
    seeing = [view for view in given_views if view.can_see]
    consensus = decide(THRESHOLDS, given_views)
    counted = [view for view in given_views if view.can_see or view.is_held_up]
    assert consensus == decide(THRESHOLDS, counted)
    assert (consensus.agreement is Agreement.UNSEEN) == (not seeing)


@given(views())
def test_one_that_was_held_up_can_only_keep_a_verdict_of_unhealthy_away(given_views: list[VantageView]) -> None:
    seeing = [view for view in given_views if view.can_see]
    if decide(THRESHOLDS, given_views).agreement is Agreement.UNHEALTHY:
        assert decide(THRESHOLDS, seeing).agreement is Agreement.UNHEALTHY


def test_one_vantage_point_does_not_decide_alone_beside_others_that_are_held_up() -> None:
    failing = VantageView("a", ProbeHistory(5, 0, ProbeOutcome.HUNG, 0.0), is_heard=True, is_contradicted=False)
    held_up = VantageView("b", ProbeHistory(0, 0, ProbeOutcome.HELD_UP), is_heard=True, is_contradicted=False)
    dead = VantageView("c", ProbeHistory(0, 0, ProbeOutcome.HELD_UP), is_heard=False, is_contradicted=False)
    assert decide(THRESHOLDS, [failing, held_up]).agreement is Agreement.UNDECIDED
    assert decide(THRESHOLDS, [failing, dead]).agreement is Agreement.UNHEALTHY


# One in four of the views that are drawn makes unhealthy: by chance it can be one in six of the first fifty.
@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(views())
def test_unhealthy_needs_the_majority_and_one_who_saw_it_in_full(given_views: list[VantageView]) -> None:
    consensus = decide(THRESHOLDS, given_views)
    assume(consensus.agreement is Agreement.UNHEALTHY)
    assert 2 * len(consensus.agreeing) > len(consensus.seeing)
    assert any(view.history.failures >= THRESHOLDS.unhealthy for view in consensus.agreeing)
    assert all(view.history.failures >= THRESHOLDS.unhealthy - 1 for view in consensus.agreeing)


@given(views(), st.sampled_from(["healthy", "unknown"]))
def test_only_a_verdict_of_unhealthy_makes_unhealthy(given_views: list[VantageView], before: str) -> None:
    agreement = decide(THRESHOLDS, given_views).agreement
    after = SubjectState(Status(before), 0.0).after(agreement, 1.0)
    assert (after.status is Status.UNHEALTHY) == (agreement is Agreement.UNHEALTHY)


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
