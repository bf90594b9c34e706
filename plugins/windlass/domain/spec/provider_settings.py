"""The settings of host providers that come along: which model each has, and what is wrong with a spec's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from windlass.domain.spec.base import Section
from windlass.domain.spec.ec2_settings import Ec2Settings, ec2_problems
from windlass.domain.spec.libcloud_settings import LibcloudSettings
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem, path_text, suggestion
from windlass.domain.spec.references import put_values
from windlass.errors import SpecError

Settings = TypeVar("Settings", bound=Section)
SETTINGS: Mapping[str, type[Section]] = {"ec2": Ec2Settings, "libcloud": LibcloudSettings}
"""By provider what its settings are; those of others are the provider's own matter."""
_HERE: Path = ("spec", "hosts", "settings")
CARRIES_NO_PODS = {"ec2": "a VPC carries no packets with addresses of pods"}
"""Providers on whose networks packets need addresses of hosts, and what is to be said of others."""


def read_settings(model: type[Settings], settings: Mapping[str, Any]) -> Settings:
    """Read a provider's settings; SpecError lists all that is wrong."""
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        raise SpecError("\n".join(map(str, _wrong_shape(model, error)))) from None


def settings_problems(cluster: Cluster) -> Iterator[Problem]:
    """Yield what is wrong with the settings of a provider that comes along; references stand for texts."""
    hosts = cluster.spec.hosts
    model = SETTINGS.get(hosts.provider)
    if model is None:
        return
    try:
        # What a reference stands for is known when hosts are made: then it is checked again.
        settings = model.model_validate(put_values(dict(hosts.settings), lambda _: "reference"))
    except ValidationError as error:
        yield from _wrong_shape(model, error)
        return
    if isinstance(settings, Ec2Settings):
        for path, wrong, right in ec2_problems(cluster, settings):
            yield Problem(("spec", *path), wrong, right)


def _wrong_shape(model: type[Section], error: ValidationError) -> Iterator[Problem]:
    for one in error.errors(include_url=False, include_input=False):
        path: Path = (*_HERE, *one["loc"])
        if one["type"] == "extra_forbidden":
            known = _keys(model, one["loc"][:-1])
            yield Problem(path, f"unknown key `{one['loc'][-1]}`", f"{suggestion(str(one['loc'][-1]), known)}")
        elif one["type"] == "missing":
            yield Problem(path, "it is missing", _meaning(model, one["loc"]) or "add it")
        else:
            text = str(one["msg"]).removeprefix("Value error, ")
            yield Problem(path, text, _meaning(model, one["loc"]) or f"see docs/hosts.md for {path_text(path)}")


def _keys(model: type[Section], location: tuple[int | str, ...]) -> list[str]:
    found = _inside(model, location)
    return [field.alias or name for name, field in found.model_fields.items()] if found else []


def _meaning(model: type[Section], location: tuple[int | str, ...]) -> str | None:
    found = _inside(model, location[:-1]) if location else None
    fields = found.model_fields.items() if found else ()
    return next((field.description for name, field in fields if location[-1] in {field.alias, name}), None)


def _inside(model: type[Section], location: tuple[int | str, ...]) -> type[Section] | None:
    """Return the section that lies at a place of a model; None if none does."""
    for step in location:
        if isinstance(step, int):
            continue
        field = next((one for name, one in model.model_fields.items() if step in {one.alias, name}), None)
        if field is None:
            return None
        model = next((one for one in _classes(field.annotation) if issubclass(one, Section)), Section)
    return model


def _classes(annotation: Any) -> Iterator[type[Any]]:
    if isinstance(annotation, type):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _classes(inner)
