"""What a host provider is; a user's own class, an entry point of the group `windlass.host_providers`, does the same.

Such a class is made with the spec's `hosts.settings` as its one argument, a mapping. It has all parts of `HostProvider`
as a class, `makes_hosts` too: it is looked at before it is called. What the others here ask for it may have besides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

from windlass.domain.spec.models import Cluster


class HostProvider(Protocol):
    """Makes the hosts that a spec names, at the addresses that it gives them, and destroys them.

    Every call may be made twice: what is there already is left alone, what is gone already stays so. A run may end
    after any call that a provider makes itself, and the next one goes on: nothing is made twice, and nothing is
    forgotten that has to be destroyed.
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

        `run` is the same for each try of one run, so that what an earlier try asked for is not asked for twice. It is
        called too when no host is missing: then what lies around hosts is brought to what the spec says, and nothing
        is taken away.
        """
        ...

    def destroy(self, cluster: Cluster, names: Collection[str] | None = None) -> tuple[str, ...]:
        """Destroy the hosts `names`, or all that was made for the cluster; nothing on them is kept.

        Hosts that the spec does not name any more are among them. Returns the names of those that were there.
        """
        ...


@runtime_checkable
class KnowsHostKeys(Protocol):
    """A provider that learns the SSH host keys of its machines by a way that nobody on the network can change."""

    def host_keys(self, cluster: Cluster) -> Mapping[str, str]:
        """Return the host keys that are known, by host, each as `type base64`."""
        ...


@runtime_checkable
class Settles(Protocol):
    """A provider that has more to take away than machines, once a change of the cluster is through."""

    def settle(self, cluster: Cluster) -> None:
        """Take away what was made for an earlier spec and this one does not need: what runs is as it says now."""
        ...
