"""Up to which step of a plan a run goes that is to stop after a host, or after a step; pure."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.domain.rollout.step import PREFETCH, Step
from windlass.domain.spec.models import Cluster
from windlass.errors import SpecError


def steps_until(steps: Sequence[Step], cluster: Cluster, stop_after: str | None) -> tuple[Step, ...]:
    """Return the steps up to and with the last one on the host `stop_after`, or all of them without one.

    A step's own name, such as `etcd cp-2`, stops after that step. SpecError for what is neither.
    """
    if not stop_after:
        return tuple(steps)
    names = {host.name for host in cluster.spec.hosts.members}
    named = [number for number, step in enumerate(steps) if step.label == stop_after]
    touching = [number for number, step in enumerate(steps) if step.kind != PREFETCH and stop_after in step.hosts]
    if stop_after not in names and not named:
        known = ", ".join(sorted(names))
        labels = ", ".join(step.label for step in steps) or "none"
        raise SpecError(f"stop_after: `{stop_after}` is no host ({known}) and no step of the plan ({labels})")
    last = max(named or touching, default=-1)
    return tuple(steps[: last + 1])
