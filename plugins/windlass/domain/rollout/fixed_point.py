"""When a cluster is as its rollout would leave it."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.domain.rollout.record import RolloutRecord
from windlass.domain.rollout.step import Step
from windlass.domain.rollout.upgrade_path import UpgradePath
from windlass.domain.spec import diff_clusters


def is_rolled_out(path: UpgradePath, steps: Sequence[Step], record: RolloutRecord | None) -> bool:
    """Tell whether nothing is left to do on an upgrade path.

    That is so once the plan is empty (every host runs the desired versions, nothing on it is stale or missing, and no
    object of the cluster would change), the stored spec is the desired one, and no record says that a rollout has not
    ended. Without the last one, a run that died between its last step and its end would never be ended.
    """
    return not steps and not diff_clusters(path.before, path.after) and record is None
