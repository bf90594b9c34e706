"""When a cluster has come up: a cluster that was never verified is being created, and nobody acts on it meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from windlass.operation_names import Operation

BEING_CREATED: Final = "being created"
"""The state of a cluster that has no `CreatedRecord` yet, as pages and messages call it."""


@dataclass(frozen=True)
class CreatedRecord:
    """That a cluster was used as its users will use it, and worked."""

    verified: datetime
    """When that was first so, of this cluster of etcd."""
    etcd: str
    """The id of its etcd cluster, in hex: what answers with another id is another cluster, or a restored one."""


def being_created_text(cluster: str) -> str:
    """Return why nothing but its creation is done at a cluster that was never verified, and the way out."""
    return f"{cluster} is {BEING_CREATED}: it was never verified; trigger `{Operation.CREATE}` again"
