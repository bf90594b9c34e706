"""What remediation sees of the drift of a host; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from windlass.domain.host.drift import HostDrift
from windlass.domain.host.health import HostHealth


def with_drift(health: HostHealth, drift: HostDrift) -> HostHealth:
    """Return the health of a host together with how it differs from what belongs on it.

    Settings that are not loaded and units that run with older files are left to `apply_cluster`, which loads and
    restarts in order, with nodes drained where pods need that; so are users' stacks that are surplus. Units that do not
    run are found by the health check.
    """
    differs = {one.service.component: one.differs for one in drift.services}
    installs = (one.text for one in drift.differences if one.kind in {"program", "link"})
    return replace(
        health,
        services=tuple(replace(one, drift=differs.get(one.component, ())) for one in health.services),
        is_compared=True,
        lost_files=(*installs, *(str(one) for one in drift.files)),
        bad_certificates=tuple(str(one) for one in drift.certificates if not one.is_access_only),
        certificate_access=tuple(str(one) for one in drift.certificates if one.is_access_only),
        other_version=drift.other_version,
        left_to_apply=tuple(_left_to_apply(drift)),
    )


def _left_to_apply(drift: HostDrift) -> Iterator[str]:
    """Yield what no action puts right; a unit of which only files differ is none of it until they are written again."""
    current = {str(one) for one in drift.units if one.is_current}
    for one in drift.differences:
        if one.kind in {"setting", "unit", "surplus"} and one.text not in current:
            yield one.text
