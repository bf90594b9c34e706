"""Empty a node for a change of it, or for good; one that cannot be emptied is opened again."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from windlass.effects.kubernetes.client import KubernetesClient
from windlass.errors import WindlassError
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.drain import cordon, drain_node, uncordon


def empty_node(rollout: RolloutContext, client: KubernetesClient, name: str) -> None:
    """Cordon and drain a node within what the spec allows; DrainError names the pods that stay, and why."""
    upgrade = rollout.session.cluster.spec.upgrade
    cordon(client, name)
    try:
        count = drain_node(client, name, timedelta(seconds=upgrade.drain_seconds), rollout.tell, rollout.session.clock)
    except WindlassError:
        # Also if an eviction was refused: nothing has been changed on the node, and it would stay closed.
        with contextlib.suppress(WindlassError):
            uncordon(client, name)
        raise
    rollout.tell(f"{name}: drained, {count} pods left it")
