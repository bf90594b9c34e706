"""Pods on nodes that do not answer: nobody can bring them up, and nobody waits for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.effects.kubernetes.client import PODS, KubernetesClient


@dataclass(frozen=True)
class AbsentPods:
    """The pods on nodes that are absent; those of a deployment come up elsewhere after some minutes."""

    pods: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def on(cls, nodes: Collection[str], client: KubernetesClient) -> AbsentPods:
        """Return the pods on `nodes`; the API is asked only if there are any."""
        if not nodes:
            return cls()
        return cls([pod for pod in client.list(PODS) if pod["spec"].get("nodeName") in nodes])

    def of(self, workload: Mapping[str, Any]) -> int:
        """Return how many of a daemon set's or deployment's pods are among them."""
        namespace = workload["metadata"]["namespace"]
        wanted = workload["spec"]["selector"].get("matchLabels", {}).items()
        return sum(
            1
            for pod in self.pods
            if pod["metadata"]["namespace"] == namespace and wanted <= pod["metadata"].get("labels", {}).items()
        )
