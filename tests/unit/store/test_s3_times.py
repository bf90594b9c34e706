"""Times that S3 servers write are read as botocore reads them, in whichever of its forms."""

from __future__ import annotations

import pytest
from botocore.utils import parse_timestamp

from windlass.effects.store.s3 import read_time

TIMES = (
    "2026-11-30T23:25:01.123Z",
    "2026-11-30T23:25:01Z",
    "2026-11-30T23:25:01.5+00:00",
    "2026-11-30T23:25:01",
    "Mon, 30 Nov 2026 23:25:01 GMT",
    "1796081101",
    1796081101,
)


@pytest.mark.parametrize("text", TIMES)
def test_it_is_the_time_that_botocore_reads(text: str | int) -> None:
    assert read_time(text) == parse_timestamp(text)


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        read_time("yesterday at noon")
