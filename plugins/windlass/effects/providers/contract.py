"""What a host provider is; a user's own class, an entry point of the group `windlass.host_providers`, does the same.

Such a class is made with the spec's `hosts.settings` as its one argument, a mapping. It has all parts as a class,
`makes_hosts` too: it is looked at before it is called.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from windlass.domain.spec.models import Cluster


class HostProvider(Protocol):
    """Makes the hosts that a spec names, at the addresses that it gives them, and destroys them.

    Every call may be made twice: what is there already is left alone, what is gone already stays so.
    """

    @property
    def makes_hosts(self) -> bool:
        """Tell whether hosts are this provider's to make and destroy; else they are only used."""
        ...

    def missing(self, cluster: Cluster) -> tuple[str, ...]:
        """Return the names of the hosts that are still to be made, or to be started."""
        ...

    def provide(self, cluster: Cluster, run: str) -> tuple[str, ...]:
        """Make and start what is missing, and return the names of those hosts once they run.

        `run` is the same for each try of one run, so that what an earlier try asked for is not asked for twice.
        """
        ...

    def destroy(self, cluster: Cluster, names: Collection[str] | None = None) -> tuple[str, ...]:
        """Destroy the hosts `names`, or every one that was made for the cluster; nothing on them is kept.

        Returns the names of those that were there.
        """
        ...
