"""Whether anybody can change who has which rights, once a spec holds; pure."""

from __future__ import annotations

from windlass.domain.rollout.gate import GateFinding, warning
from windlass.domain.spec.access import RIGHTS
from windlass.domain.spec.models import Cluster

_ALL = frozenset(RIGHTS) - {"see"}  # which each of the others includes


def rights_findings(before: Cluster, after: Cluster) -> tuple[GateFinding, ...]:
    """Return the warning that nobody will have all rights, since nobody gives a right that they have not."""
    roles = after.spec.access.roles
    if not roles or roles == before.spec.access.roles or any(set(rights) >= _ALL for rights in roles.values()):
        return ()
    doubt = f"no role, team or user of spec.access.roles has all of {', '.join(sorted(_ALL))}"
    remedy = "give them to somebody: who has not all of them, by one line or several, cannot change it any more"
    return (warning("rights", [doubt], remedy, ""),)
