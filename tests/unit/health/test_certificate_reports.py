"""When the end of a certificate or of an authority is a finding."""

from __future__ import annotations

import pytest

from windlass.domain.health import Kind
from windlass.domain.health.host_report import HostReport, assess

DAY = 86400


@pytest.mark.parametrize(
    ("name", "left", "life", "kind"),
    [
        ("certificates", 31, 90, None),
        ("certificates", 29, 90, Kind.CERTIFICATE_EXPIRING),
        ("certificates", -1, 90, Kind.CERTIFICATE_EXPIRING),
        ("authorities", 181, 3650, None),
        ("authorities", 179, 3650, Kind.AUTHORITY_EXPIRING),
        ("authorities", 80, 300, None),
        ("authorities", 70, 300, Kind.AUTHORITY_EXPIRING),
        ("authorities", -1, 3650, Kind.AUTHORITY_EXPIRING),
    ],
)
def test_leaves_are_told_at_a_third_and_authorities_half_a_year_before(
    name: str, left: int, life: int, kind: Kind | None
) -> None:
    condition = assess(HostReport("certificate", name, f"{left * DAY} {life * DAY} /etc/windlass/pki/ca.crt"))
    assert (condition.kind if condition else None) is kind
