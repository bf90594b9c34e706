from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.backup import BundleId
from windlass.errors import SpecError

TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
IDS = st.builds(BundleId.of, TIMES, st.integers(1, 2**63 - 1))


def test_an_id_says_when_and_which_revision() -> None:
    elsewhere = timezone(timedelta(hours=2))
    assert str(BundleId.of(datetime(2026, 11, 23, 9, 45, 0, 5, tzinfo=elsewhere), 1042)) == "20261123T074500Z-r1042"


@given(IDS)
def test_an_id_is_read_back(bundle: BundleId) -> None:
    assert BundleId.parse(str(bundle)) == bundle


@given(IDS, IDS)
def test_ids_of_different_times_sort_as_texts_do(one: BundleId, other: BundleId) -> None:
    assert one.time == other.time or (one < other) == (str(one) < str(other))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "newest",
        "20261123T074500Z",
        "20261323T074500Z-r1",
        "20261123T074500Z-r",
        "20261123T074500Z-r1 ",
        "20261123T074500Z-r1\n",
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    assert BundleId.find(text) is None
    with pytest.raises(SpecError, match="no id of a bundle"):
        BundleId.parse(text)
