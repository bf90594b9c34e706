"""Hosts that somebody else makes: machines in a rack, and those of the lab."""

from __future__ import annotations

from collections.abc import Collection

from windlass.domain.spec.models import Cluster


class StaticProvider:
    """Makes no hosts and destroys none; see `HostProvider`."""

    makes_hosts = False

    def missing(self, cluster: Cluster) -> tuple[str, ...]:  # noqa: ARG002 (as the contract has it)
        """Return none: whether hosts are there shows at preflight."""
        return ()

    def provide(self, cluster: Cluster, run: str) -> tuple[str, ...]:  # noqa: ARG002 (as the contract has it)
        """Do nothing."""
        return ()

    def destroy(self, cluster: Cluster, names: Collection[str] | None = None) -> tuple[str, ...]:  # noqa: ARG002
        """Do nothing: hosts are given back as they were by removing the cluster from them."""
        return ()
