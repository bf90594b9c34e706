"""What a run was given in its params: a field that a form left with nothing but spaces or empty lines gives nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def given_text(params: Mapping[str, Any], name: str) -> str:
    """Return a text without the spaces around it; empty where none is given."""
    return str(params.get(name) or "").strip()


def given_spec(params: Mapping[str, Any]) -> str:
    """Return the spec as it is written, so that lines keep their numbers; empty where none is given."""
    spec = str(params.get("spec") or "")
    return spec if spec.strip() else ""


def given_names(params: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the names that a param lists, each once: a form sends a line each, and a last one that is empty."""
    return tuple(dict.fromkeys(one.strip() for one in params.get(name) or () if one.strip()))
