"""Measure how fast hosts compute now, for whoever has waited for them as long as for usual ones."""

from __future__ import annotations

from datetime import timedelta

from windlass.domain.host.slowness import slowness
from windlass.domain.scripts.measure_speed import measure_speed_script
from windlass.effects.ssh.fan_out import fan_out
from windlass.effects.ssh.pool import Connections

_TIMEOUT = timedelta(seconds=60)


def measure_slowness(connections: Connections) -> float:
    """Return how many times longer than usual things may take on the hosts that are connected; see `slowness`.

    A host that does not tell counts as a usual one.
    """

    def measure(name: str) -> int:
        return int(connections.get(name).run_script(measure_speed_script(), timeout=_TIMEOUT).stdout)

    outcomes = fan_out(connections.connected, measure)
    return slowness(outcome.get() for outcome in outcomes.values() if outcome.is_ok)
