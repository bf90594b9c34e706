"""Have the provider of a cluster's hosts make, settle and destroy them, and trust the keys that it knows them by."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from windlass.domain.rollout.record import LeftHost
from windlass.domain.spec.models import Cluster
from windlass.effects.providers import HostProvider, KnowsHostKeys, Settles
from windlass.effects.ssh.host_keys import HostKey
from windlass.effects.store import HostKeys, Store
from windlass.operations.services import Services


@dataclass(frozen=True)
class Provision:
    """The provider of a cluster's hosts at work."""

    services: Services
    store: Store
    """Where host keys are recorded: guarded by the lease of whoever provides."""
    cluster: Cluster

    @cached_property
    def _provider(self) -> HostProvider:
        # Once: to make the clients of a cloud takes a second.
        return self.services.provider(self.cluster)

    @property
    def makes_hosts(self) -> bool:
        """Whether hosts are the provider's to make and destroy."""
        return self._provider.makes_hosts

    def missing(self) -> tuple[str, ...]:
        """Return the hosts that are still to be made; none where they are machines of the user's."""
        provider = self._provider
        return provider.missing(self.cluster) if provider.makes_hosts else ()

    def provide(self, run: str) -> tuple[str, ...]:
        """Have what is missing made, and return the names of those hosts.

        What was known of a missing host's SSH key is forgotten first: whatever is made shows another one, and a run
        that ends in between leaves a host without a key, which the next one asks the provider for. `run` is the same
        for each try of a run.
        """
        provider = self._provider
        if not provider.makes_hosts:
            return ()
        keys = HostKeys(self.store, self.cluster.name)
        for name in provider.missing(self.cluster):
            keys.forget(name)
        made = provider.provide(self.cluster, run)
        if isinstance(provider, KnowsHostKeys):
            self._trust(provider, keys, run)
        return made

    def _trust(self, provider: KnowsHostKeys, keys: HostKeys, run: str) -> None:
        """Record the keys of hosts of which none was accepted, as the provider knows them."""
        accepted = keys.accepted()
        lacking = [host.name for host in self.cluster.spec.hosts.members if host.name not in accepted]
        told = provider.host_keys(self.cluster) if lacking else {}
        if not any(name in told for name in lacking):
            return
        connections = self.services.connect(self.cluster, keys)
        for name in (one for one in lacking if one in told):
            kind, blob = told[name].split()
            shown = HostKey(kind, base64.b64decode(blob))
            target = connections.target(name)
            keys.accept(name, keys.accepted_of(target, shown, run, self.services.clock.now()))

    def settle(self) -> None:
        """Have taken away what only an earlier spec needed, once the cluster is as the spec says."""
        provider = self._provider
        if provider.makes_hosts and isinstance(provider, Settles):
            provider.settle(self.cluster)

    def destroy(self, names: Collection[str]) -> bool:
        """Have hosts destroyed; False where they are the user's own, and nothing was done."""
        provider = self._provider
        if provider.makes_hosts:
            provider.destroy(self.cluster, tuple(names))
            keys = HostKeys(self.store, self.cluster.name)
            for name in names:
                keys.forget(name)
        return provider.makes_hosts

    def destroy_all(self) -> None:
        """Have destroyed all that was made for the cluster."""
        self._provider.destroy(self.cluster)


def destroy_left(left: Sequence[LeftHost], provision: Provision) -> tuple[LeftHost, ...]:
    """Have destroyed what has left the spec and was not cleaned, and return those that are still to be.

    A machine that does not answer, or is said to be gone for good, may well be there, and be paid for.
    """
    names = {host.name for host in provision.cluster.spec.hosts.members}
    going = [one.host.name for one in left if one.host.name not in names]
    if not going or not provision.destroy(going):
        return tuple(left)
    return tuple(one for one in left if one.host.name not in going)
