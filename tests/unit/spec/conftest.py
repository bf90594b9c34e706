from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from windlass.domain.spec import Cluster

_DOCUMENT = {
    "apiVersion": "windlass/v1",
    "kind": "Cluster",
    "metadata": {"name": "demo"},
    "spec": {
        "kubernetes": {"version": "v1.37.2"},
        "hosts": {
            "members": [
                {"name": "cp-1", "address": "192.0.2.11", "roles": ["etcd", "control-plane"]},
                {"name": "cp-2", "address": "192.0.2.12", "roles": ["etcd", "control-plane"]},
                {"name": "cp-3", "address": "192.0.2.13", "roles": ["etcd", "control-plane"]},
                {"name": "w-1", "address": "192.0.2.21", "roles": ["worker"]},
            ]
        },
    },
}


@pytest.fixture
def document() -> dict[str, Any]:
    """A valid document of 3 + 1 hosts, free to be changed."""
    return copy.deepcopy(_DOCUMENT)


@pytest.fixture
def changed(document: dict[str, Any]) -> Callable[[dict[str, Any]], Cluster]:
    """Make the cluster in which some paths, such as `spec.hosts.members.0.name`, have other values."""

    def make(changes: dict[str, Any]) -> Cluster:
        for path, value in changes.items():
            *around, last = (int(step) if step.isdigit() else step for step in path.split("."))
            inside: Any = document
            for step in around:
                inside = inside.setdefault(step, {}) if isinstance(inside, dict) else inside[step]
            inside[last] = value
        return Cluster.model_validate(document, by_alias=True, by_name=False)

    return make
