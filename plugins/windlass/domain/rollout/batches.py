"""How many workers a rollout takes out of service at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

from windlass.domain.spec.models import Cluster


def batches(cluster: Cluster, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the workers `names` in groups of as many as may be out of service at once."""
    size = batch_size(cluster.spec.upgrade.max_unavailable, len(cluster.hosts_with("worker")))
    return [tuple(names[start : start + size]) for start in range(0, len(names), size)]


def batch_size(share: int | str, workers: int) -> int:
    """Return how many of `workers` may be out of service at once: at least one, or nothing would ever move."""
    number = math.floor(int(share.removesuffix("%")) * workers / 100) if isinstance(share, str) else share
    return max(1, number)
