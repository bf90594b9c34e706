"""What was done to a host, as events of its node: where those look who know Kubernetes and not Windlass."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from windlass.effects.kubernetes.client import EVENTS, KubernetesClient

_NAMESPACE = "default"
"""Where Kubernetes itself puts the events of nodes."""
_LONGEST = 1000
"""Bytes that the API takes as the message of an event, and some less."""


def tell_kubernetes(client: KubernetesClient, told: Iterable[tuple[str, str, str, str]]) -> None:
    """Write events, each of a host, a component, a text and a level; one that is written already is left."""
    for number, (host, component, text, level) in enumerate(told):
        now = datetime.now(UTC)
        stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        digest = hashlib.sha256(f"{now.isoformat()}{number}{text}".encode()).hexdigest()[:16]
        client.create(
            EVENTS,
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": f"{host}.windlass-{digest}", "namespace": _NAMESPACE},
                "involvedObject": {"apiVersion": "v1", "kind": "Node", "name": host, "uid": host},
                "reason": "WindlassRepair",
                "message": text[:_LONGEST],
                "type": "Normal" if level == "info" else "Warning",
                "source": {"component": "windlass", "host": host},
                "firstTimestamp": stamp,
                "lastTimestamp": stamp,
                "count": 1,
                "reportingComponent": f"windlass/{component or 'repair'}",
            },
        )
