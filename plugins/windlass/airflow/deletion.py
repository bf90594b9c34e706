"""What a run of a deletion was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.airflow.given import given_names
from windlass.operations.apply.delete import DeletionRequest


def deletion_request(params: Mapping[str, Any]) -> DeletionRequest:
    """Read the params; null is no word to throw backups away."""
    return DeletionRequest(given_names(params, "gone"), params.get("keep_backups") is not False)
