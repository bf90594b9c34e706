"""What tests of upgrades share: a cluster of the release before, and an upgrade of it."""

from __future__ import annotations

import os
from typing import Any

from e2e.ground import APPROVED, CHANGE_LIMIT, VERSION, Ground, Run
from e2e.standing import empty_ground
from windlass.domain.spec import load_cluster
from windlass.effects.kubernetes.client import NODES
from windlass.errors import WindlassError

OLD = os.environ.get("WINDLASS_TEST_OLD_VERSION", "v1.36.3")
LONG = CHANGE_LIMIT


def upgrade(ground: Ground, version: str | None = VERSION, **params: Any) -> Run:
    """Run `upgrade_cluster` to its end."""
    run_id = ground.start("upgrade_cluster", version=version, **APPROVED, **params)
    return ground.finish("upgrade_cluster", run_id, LONG)


def versions(ground: Ground, via: str = "cp-1") -> dict[str, str]:
    """Return the version of each node's kubelet."""
    with ground.api(via) as client:
        return {one["metadata"]["name"]: one["status"]["nodeInfo"]["kubeletVersion"] for one in client.list(NODES)}


def old_cluster(ground: Ground) -> None:
    """Have a cluster of 3 + 1 hosts of the release before: the one that is there if it is such, or else a new one."""
    if not _is_old(ground):
        empty_ground(ground)
        ground.create(ground.spec(version=OLD)).succeeded()


def _is_old(ground: Ground) -> bool:
    stored = ground.records.spec()
    if stored is None or ground.records.rollout() is not None:
        return False
    desired = load_cluster(ground.spec(version=OLD), "wanted")
    try:
        return load_cluster(stored, "stored") == desired and not ground.not_ready()
    except WindlassError:
        return False
