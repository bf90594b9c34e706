"""What people have to know of a change after which kubeconfigs lead elsewhere; pure."""

from __future__ import annotations

from windlass.domain.pki.kubeconfig import user_contexts
from windlass.domain.rollout.gate import GateFinding, warning
from windlass.domain.spec.models import Cluster


def kubeconfig_findings(before: Cluster, after: Cluster) -> tuple[GateFinding, ...]:
    """Return the warning that kubeconfigs which were given out lead elsewhere than new ones; nothing if they do not."""
    if all(getattr(before.spec.api, key) == getattr(after.spec.api, key) for key in ("endpoint", "virtual_address")):
        return ()
    old, new = (user_contexts(cluster)[0].server for cluster in (before, after))
    if old == new:
        return ()
    doubt = f"they lead to {new} from now on, and those that were given out lead to {old}"
    return (warning("kubeconfigs", [doubt], f"have people get them again: `windlass kubeconfig {after.name}`", ""),)
