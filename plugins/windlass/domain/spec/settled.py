"""What a new document leaves to the cluster: settings whose default is another one for clusters that begin now."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from windlass.domain.catalog.stacks import StackTemplate
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.placement import with_placement
from windlass.domain.spec.services import ProxyMode

NEW_PROXY: ProxyMode = "nftables"
"""kube-proxy's mode of a new cluster: https://kubernetes.io/docs/reference/networking/virtual-ips/#proxy-mode-nftables.

It refuses packets to a Service's port that leads nowhere, and syncs in time that does not grow with all Services."""


_NO_STACKS: Mapping[str, StackTemplate] = MappingProxyType({})


def settled(cluster: Cluster, running: Cluster | None, stacks: Mapping[str, StackTemplate] = _NO_STACKS) -> Cluster:
    """Return a new spec with what it does not say as `running`, the same cluster's spec until now, has it.

    Without one the cluster is new. What runs is never changed by a default of a later Windlass. `stacks` are the
    catalog's: each of the spec's is given the hosts that it runs on.
    """
    cluster = with_placement(cluster, running, stacks)
    if cluster.spec.network.proxy_mode is not None:
        return cluster
    mode = NEW_PROXY if running is None else running.spec.network.proxy_mode
    network = cluster.spec.network.model_copy(update={"proxy_mode": mode})
    return cluster.model_copy(update={"spec": cluster.spec.model_copy(update={"network": network})})
