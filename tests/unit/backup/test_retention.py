from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.backup import BundleId, RetentionInputs, expired, keep
from windlass.domain.spec.care import ObjectLock, Retention

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
RULES = st.builds(Retention, hourly=st.integers(0, 30), daily=st.integers(0, 10), weekly=st.integers(0, 6))
AGES = st.lists(st.integers(0, 60 * 24 * 60), min_size=1, max_size=60, unique=True)


def at(minutes: int) -> BundleId:
    return BundleId.of(NOW - timedelta(minutes=minutes), 10**6 - minutes)


def held(ages: list[int], **others: frozenset[BundleId]) -> RetentionInputs:
    return RetentionInputs(tuple(at(age) for age in ages), **others)


@given(AGES, RULES, st.data())
def test_what_must_stay_stays(ages: list[int], rule: Retention, data: st.DataObject) -> None:
    pinned = frozenset(at(age) for age in data.draw(st.sets(st.sampled_from(ages))))
    proven = frozenset(at(age) for age in data.draw(st.sets(st.sampled_from(ages))))
    gone = set(expired(held(ages, pinned=pinned, proven=proven), rule, NOW))

    assert at(min(ages)) not in gone
    assert not pinned & gone
    assert not proven or max(proven) not in gone
    assert not [age for age in ages if age <= 60 and at(age) in gone]


@given(AGES, RULES)
def test_no_more_is_kept_than_the_rule_says(ages: list[int], rule: Retention) -> None:
    kept = keep(held(ages), rule, NOW)
    old = [bundle for bundle, reason in kept.items() if reason != "of the last hour"]
    assert len(old) <= rule.hourly + rule.daily + rule.weekly + 1


@given(AGES, RULES)
def test_applying_the_rule_twice_deletes_nothing_more(ages: list[int], rule: Retention) -> None:
    left = tuple(keep(held(ages), rule, NOW))
    assert expired(RetentionInputs(left), rule, NOW) == ()


@given(AGES, RULES)
def test_it_makes_no_difference_how_often_the_rule_is_applied(ages: list[int], rule: Retention) -> None:
    left: tuple[BundleId, ...] = ()
    for age in sorted(ages, reverse=True):
        bundle = at(age)
        left = tuple(keep(RetentionInputs((*left, bundle)), rule, bundle.time))
    last = at(min(ages)).time
    assert set(keep(RetentionInputs(left), rule, last)) == set(keep(held(ages), rule, last))


def test_a_month_of_backups_every_five_minutes_comes_down_to_a_few() -> None:
    everything = list(range(0, 60 * 24 * 35, 5))
    kept = keep(held(everything), Retention(), NOW)
    by_reason: dict[str, int] = {}
    for reason in kept.values():
        by_reason[reason] = by_reason.get(reason, 0) + 1
    assert by_reason == {
        "of the last hour": 13,
        "the newest of its hour": 22,
        "the newest of its day": 5,
        "the newest of its week": 2,
    }


def test_a_time_without_backups_deletes_nothing() -> None:
    later = NOW + timedelta(days=100)
    before = tuple(keep(held(list(range(0, 60 * 24 * 35, 5))), Retention(), NOW))
    kept = keep(RetentionInputs(before), Retention(), later)
    assert len(kept) == 24 + 5 + 2


def test_parts_without_a_manifest_go_when_no_backup_can_still_be_at_them() -> None:
    fresh, old = at(30), at(60 * 7)
    assert expired(RetentionInputs((at(0),), incomplete=(fresh, old)), Retention(), NOW) == (old,)


def test_a_bundle_from_the_future_stays() -> None:
    ahead = at(-600)
    assert ahead in keep(RetentionInputs((ahead, at(0))), Retention(hourly=0, daily=0, weekly=0), NOW)


@given(AGES, RULES, st.integers(1, 50))
def test_what_the_bucket_has_locked_waits_until_the_lock_ends(ages: list[int], rule: Retention, days: int) -> None:
    locking = rule.model_copy(update={"lock": ObjectLock(mode="governance", days=days)})
    gone = set(expired(held(ages), locking, NOW))
    assert gone <= set(expired(held(ages), rule, NOW))
    assert all(NOW - bundle.time >= timedelta(days=days) for bundle in gone)
    later = NOW + timedelta(days=days + 1)
    assert set(expired(held(ages), locking, later)) == set(expired(held(ages), rule, later))


def test_parts_without_a_manifest_are_locked_as_well() -> None:
    left = at(60 * 24)
    inputs = RetentionInputs((), incomplete=(left,))
    assert expired(inputs, Retention(), NOW) == (left,)
    assert expired(inputs, Retention(lock=ObjectLock(mode="governance", days=2)), NOW) == ()
