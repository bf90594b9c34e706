"""When a cluster is as an apply would leave it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from windlass.domain.spec import Cluster


def is_applied(
    plan: Mapping[str, Sequence[str]],
    stored: Cluster | None,
    desired: Cluster,
    *,
    is_created: bool,
) -> bool:
    """Tell whether nothing is left to do: no host is to be changed, the desired spec is the stored one and verified.

    What a creation that died left to do, such as to verify, cannot be observed on hosts.
    """
    return is_created and not any(plan.values()) and stored == desired
