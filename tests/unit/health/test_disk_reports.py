"""What a host says of its file systems: room, and inodes where there is a number of them."""

from __future__ import annotations

import pytest

from windlass.domain.health.host_report import HostReport, assess


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("10", ""),
        ("10 5", ""),
        ("9", "9 % of /var are free, less than 10 %"),
        ("9 80", "9 % of /var are free, less than 10 %"),
        ("80 4", "4 % of the inodes of /var are free, less than 5 %"),
        ("0 0", "0 % of /var are free, less than 10 % and 0 % of the inodes of /var are free, less than 5 %"),
        ("much", ""),
        ("", ""),
        ("nan 1", ""),
    ],
)
def test_too_little_of_either_is_a_finding_and_what_is_no_number_none(value: str, told: str) -> None:
    found = assess(HostReport("disk", "/var", value))
    assert (found.text if found else "") == told
