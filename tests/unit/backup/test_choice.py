from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from windlass.domain.backup import BundleId, BundleTrust, Candidate, choose
from windlass.errors import RefusedError, SpecError

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def candidate(minutes: int, standing: BundleTrust = BundleTrust.VERIFIED) -> Candidate:
    return Candidate(BundleId.of(NOON + timedelta(minutes=minutes), 1000 + minutes), standing, "some reason")


OLD, PROVEN, NEW = candidate(0), candidate(5, BundleTrust.PROVEN), candidate(10)
BAD, TORN = candidate(15, BundleTrust.DISPROVEN), candidate(20, BundleTrust.REFUSED)
ALL = (PROVEN, NEW, TORN, OLD, BAD)


def test_the_newest_good_one_is_taken_proven_or_not() -> None:
    assert choose("newest", ALL, "demo") == NEW
    assert choose("newest", (OLD, PROVEN), "demo") == PROVEN


def test_the_newest_proven_one_can_be_asked_for() -> None:
    assert choose("newest-proven", ALL, "demo") == PROVEN
    with pytest.raises(RefusedError, match=r"no proven bundle; there are .* \(verified\)"):
        choose("newest-proven", (OLD, NEW), "demo")


@pytest.mark.parametrize(
    ("desired", "expected"),
    [
        ("2026-11-23T12:05", PROVEN),
        ("2026-11-23T12:07:30Z", PROVEN),
        ("2026-11-23T14:00+02:00", OLD),
        ("2026-11-24", NEW),
    ],
)
def test_a_time_means_the_newest_taken_by_then(desired: str, expected: Candidate) -> None:
    assert choose(desired, ALL, "demo") == expected


def test_a_time_before_all_of_them_is_refused() -> None:
    with pytest.raises(RefusedError, match="taken by 2026-11-22T00:00:00"):
        choose("2026-11-22", ALL, "demo")


def test_an_id_names_just_that_one() -> None:
    assert choose(str(OLD.bundle), ALL, "demo") == OLD
    assert choose(str(BAD.bundle), ALL, "demo") == BAD
    with pytest.raises(RefusedError, match="not to be trusted: some reason"):
        choose(str(TORN.bundle), ALL, "demo")
    with pytest.raises(RefusedError, match="has no bundle 20261123T120000Z-r1"):
        choose("20261123T120000Z-r1", ALL, "demo")


def test_without_any_bundle_the_way_out_is_told() -> None:
    with pytest.raises(RefusedError, match="there is none at all; take one"):
        choose("newest", (), "demo")


def test_what_names_nothing_is_a_mistake() -> None:
    with pytest.raises(SpecError, match="names no bundle"):
        choose("latest", ALL, "demo")
