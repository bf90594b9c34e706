"""How long the steps of rollouts took last, by what they do and on which host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from windlass.domain.rollout.step import Step


@dataclass(frozen=True)
class StepDurations:
    """The seconds that the last step of each kind took; of steps on one host also by that host."""

    kinds: Mapping[str, float] = field(default_factory=dict)
    hosts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By kind, then by host."""

    def last(self, step: Step) -> float | None:
        """Return how long such a step took last: on the same host, or else anywhere; None if there was none yet."""
        if len(step.hosts) == 1 and step.hosts[0] in self.hosts.get(step.kind, {}):
            return self.hosts[step.kind][step.hosts[0]]
        return self.kinds.get(step.kind)

    def with_step(self, step: Step, seconds: float) -> StepDurations:
        """Return the same with what a step took."""
        took = round(seconds, 1)
        found = replace(self, kinds={**self.kinds, step.kind: took})
        if len(step.hosts) != 1:
            return found
        by_host = {**self.hosts.get(step.kind, {}), step.hosts[0]: took}
        return replace(found, hosts={**self.hosts, step.kind: by_host})

    def of_hosts(self, names: frozenset[str]) -> StepDurations:
        """Return the same without what hosts of other names took, which are gone."""
        kept = {
            kind: {host: took for host, took in by_host.items() if host in names}
            for kind, by_host in self.hosts.items()
        }
        return replace(self, hosts={kind: by_host for kind, by_host in kept.items() if by_host})

    def value(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {"kinds": dict(self.kinds), "hosts": {kind: dict(one) for kind, one in self.hosts.items()}}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> StepDurations:
        """Read what `value` wrote."""
        return cls(value.get("kinds", {}), value.get("hosts", {}))


def duration_text(seconds: float) -> str:
    """Return a duration in words: `0.4 s`, `23 s`, `4 min 10 s`."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
