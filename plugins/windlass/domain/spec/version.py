"""A spec at another version of Kubernetes."""

from __future__ import annotations

from windlass.domain.spec.models import Cluster


def at_version(cluster: Cluster, version: str) -> Cluster:
    """Return the spec with another version of Kubernetes."""
    kubernetes = cluster.spec.kubernetes.model_copy(update={"version": version})
    return cluster.model_copy(update={"spec": cluster.spec.model_copy(update={"kubernetes": kubernetes})})
