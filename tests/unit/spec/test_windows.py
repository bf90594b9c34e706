from __future__ import annotations

from datetime import UTC, datetime

import pytest

from windlass.domain.spec.windows import parse_window

# 2026-11-23 is a Monday.


@pytest.mark.parametrize(
    ("window", "moment", "inside"),
    [
        ("daily 01:00-05:00", "2026-11-23T01:00", True),
        ("daily 01:00-05:00", "2026-11-23T05:00", False),
        ("mon-fri 01:00-05:00", "2026-11-22T02:00", False),
        ("sat,sun 22:00-04:00", "2026-11-22T23:00", True),
        ("sat,sun 22:00-04:00", "2026-11-23T03:59", True),  # began on Sunday
        ("sat,sun 22:00-04:00", "2026-11-23T22:30", False),
        ("sat,sun 22:00-04:00", "2026-11-21T03:00", False),  # began on Friday
        ("sat-mon 08:00-09:00", "2026-11-23T08:30", True),  # around the end of the week
        ("sat-mon 08:00-09:00", "2026-11-24T08:30", False),
        ("MON 00:00-23:59", "2026-11-23T12:00", True),
        ("mon 01:00-02:00 Europe/Amsterdam", "2026-11-23T00:30", True),
        ("mon 01:00-02:00 Europe/Amsterdam", "2026-11-23T01:30", False),
        ("mon 01:00-02:00 America/New_York", "2026-11-23T06:30", True),
    ],
)
def test_knows_which_moments_it_contains(window: str, moment: str, inside: bool) -> None:  # noqa: FBT001  a table's column
    assert parse_window(window).contains(datetime.fromisoformat(moment).replace(tzinfo=UTC)) is inside


@pytest.mark.parametrize(
    ("window", "wrong"),
    [
        ("01:00-05:00", "is no window"),
        ("daily 01:00-05:00 UTC now", "is no window"),
        ("daily 1:00-5:00", "no span of time"),
        ("daily 01:00-24:00", "no span of time"),
        ("daily 05:00-05:00", "has no length"),
        ("weekend 01:00-05:00", "no day `weekend`"),
        ("mon- 01:00-05:00 Mars/Olympus", "no time zone `Mars/Olympus`"),
        ("daily 01:00-05:00 ../etc/passwd", "no time zone"),
    ],
)
def test_refuses_what_it_cannot_read_and_shows_the_right_form(window: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong) as caught:
        parse_window(window)

    assert "; " in str(caught.value)
