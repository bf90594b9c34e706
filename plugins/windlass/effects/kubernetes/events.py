"""The service log as events in Kubernetes: where those look who know Kubernetes and not Windlass."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC

from windlass.domain.servicelog import Event
from windlass.effects.kubernetes.client import EVENTS, KubernetesClient, Object
from windlass.operation_names import Operation

_NAMESPACE = "default"
"""Where Kubernetes itself puts the events of nodes, and of all else that is in no namespace."""
_LONGEST = 1000
"""Bytes that the API takes as the message of an event, and some less."""
_REASONS: dict[str, str] = {Operation.WATCH: "WindlassHealth"}


def create_event(client: KubernetesClient, entries: Iterable[tuple[str, Event]]) -> None:
    """Write entries of the service log, each with its name there; one that is written already is left."""
    for name, entry in entries:
        client.create(EVENTS, _event(name, entry))


def _event(name: str, entry: Event) -> Object:
    stamp = entry.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    # What is about no host is about the cluster, for which Kubernetes has no object of its own.
    kind, about = ("Node", entry.host) if entry.host else ("Namespace", "kube-system")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{about}.windlass-{digest}", "namespace": _NAMESPACE},
        "involvedObject": {"apiVersion": "v1", "kind": kind, "name": about, "uid": about},
        "reason": _REASONS.get(entry.operation, "WindlassRepair"),
        "message": entry.text[:_LONGEST],
        "type": "Normal" if entry.level == "info" else "Warning",
        "source": {"component": "windlass", "host": entry.host},
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
        "reportingComponent": f"windlass/{entry.component or 'repair'}",
    }
