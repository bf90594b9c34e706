"""What all sections of the cluster spec share: strict, frozen models, settings that say their default."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict
from pydantic.alias_generators import to_camel

Item = TypeVar("Item")

Many = Annotated[tuple[Item, ...], Strict(strict=False)]
"""A YAML list: kept as a tuple, so that a spec stays unchangeable."""

Share = Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^(100|[1-9]?[0-9])%$")]
"""A number of hosts, or a percentage of them such as `20%`."""


class Section(BaseModel):
    """One mapping of the spec: frozen, every key known, nothing converted silently; YAML keys are camelCase."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        populate_by_name=True,
        validate_default=False,
        hide_input_in_errors=True,  # an error that is chained to another one gets into logs, values and all
    )


def setting(default: Any, text: str, **constraints: Any) -> Any:
    """Return the field of a setting that may be left out; its description ends with the default."""
    shown = json.dumps(default, ensure_ascii=False)
    stored = tuple(default) if isinstance(default, list) else default
    return Field(default=stored, description=f"{text} Default: {shown}.", **constraints)


def section(model: type[Section], text: str) -> Any:
    """Return the field of a section that may be left out, and then has each of its settings at the default."""
    return Field(
        default_factory=model,
        description=f"{text} Default: {{}} (each setting of it at its own default).",
        json_schema_extra={"default": {}},
    )
