"""Empty a node for a change of it, or for good; one that cannot be emptied is opened again."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from windlass.domain.rollout.lead import Lead, wrong_lead
from windlass.effects.kubernetes.client import KubernetesClient, Resource
from windlass.errors import WindlassError
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.drain import cordon, drain_node, uncordon
from windlass.operations.waiting import wait_until

LEASES = Resource("coordination.k8s.io/v1", "leases", namespaced=True)
_LED = timedelta(seconds=60)
"""Until a controller manager leads: several times what the lead takes to go from one that ended to another."""


def empty_node(rollout: RolloutContext, client: KubernetesClient, name: str) -> None:
    """Cordon and drain a node within what the spec allows; DrainError names the pods that stay, and why.

    NotReadyError, with nothing changed, where no controller manager leads: Services would lead to pods that are gone.
    """
    upgrade = rollout.session.cluster.spec.upgrade
    _await_lead(rollout, client, name)
    cordon(client, name)
    try:
        count = drain_node(client, name, timedelta(seconds=upgrade.drain_seconds), rollout.tell, rollout.session.clock)
    except WindlassError:
        # Also if an eviction was refused: nothing has been changed on the node, and it would stay closed.
        with contextlib.suppress(WindlassError):
            uncordon(client, name)
        raise
    rollout.tell(f"{name}: drained, {count} pods left it")


def _await_lead(rollout: RolloutContext, client: KubernetesClient, node: str) -> None:
    seen: list[Lead | None] = []

    def look() -> str:
        seen.append(Lead.of(client.get(LEASES, "kube-controller-manager", "kube-system")))
        return wrong_lead(seen[0], seen[-1])

    wait_until(look, _LED, f"{node}: before its pods leave it", rollout.session.clock, rollout.tell)
