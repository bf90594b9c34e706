"""Whether Kubernetes calls a thing ready."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_ready(thing: Mapping[str, Any]) -> bool:
    """Tell whether a pod or a node has the condition Ready."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in thing["status"].get("conditions", []))
