"""Checks of who carries Services."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Problem


def replaced_proxy(cluster: Cluster) -> Iterator[Problem]:
    """Check that a cluster without kube-proxy brings what does its work: pods reach neither DNS nor the API else."""
    spec = cluster.spec
    if spec.network.proxy == "none" and not spec.manifests:
        wrong = "nothing would carry Services: there is no kube-proxy, and no manifest brings what does its work"
        yield Problem(("spec", "network", "proxyMode"), wrong, "add it under spec.manifests, or say nftables")


def flags_of_no_proxy(cluster: Cluster) -> Iterator[Problem]:
    """Check that no flags are given to a kube-proxy that is not there."""
    given = cluster.spec.components.get("kube-proxy")
    if cluster.spec.network.proxy == "none" and given is not None and given.extra_args:
        path = ("spec", "components", "kube-proxy")
        yield Problem(path, "spec.network.proxyMode is none, so that no kube-proxy runs", "leave its flags out")


CHECKS: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (replaced_proxy, flags_of_no_proxy)
