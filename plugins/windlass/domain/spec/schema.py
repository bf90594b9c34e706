"""The JSON Schema of the cluster spec, questions about it, and the reference table made from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, plain
from windlass.domain.spec.provider_settings import SETTINGS

_NAMES_OF_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    None: "anything",
}


@cache
def json_schema() -> Mapping[str, Any]:
    """Return the JSON Schema of the models; `windlass.domain.spec.published_schema` knows more forms of texts."""
    made = Cluster.model_json_schema(by_alias=True)
    made["$defs"]["Hosts"]["allOf"] = [_settings_of(name, made["$defs"]) for name in SETTINGS]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:windlass:cluster:v1",
        **_without_titles(made),
        "title": "Cluster",
    }


def _settings_of(provider: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the condition by which a provider that comes along has its own settings; they join the `definitions`."""
    model = SETTINGS[provider]
    settings = model.model_json_schema(by_alias=True)
    definitions.update(settings.pop("$defs", {}))
    definitions[model.__name__] = settings
    return {
        "if": {"properties": {"provider": {"const": provider}}, "required": ["provider"]},
        "then": {"properties": {"settings": {"$ref": f"#/$defs/{model.__name__}"}}, "required": ["settings"]},
    }


def _without_titles(node: Any) -> Any:
    """Drop the titles that pydantic makes of names; they say nothing that the names don't."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_titles(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))
    }


def schema_at(path: Path) -> Mapping[str, Any] | None:
    """Return the schema of the value at `path`, references followed; None where the schema knows nothing."""
    node: Mapping[str, Any] | None = json_schema()
    for step in path:
        if node is None:
            return None
        node = _inside(_resolved(node), step)
    return None if node is None else _resolved(node)


def known_keys(path: Path) -> tuple[str, ...]:
    """Return the keys that the mapping at `path` may have; none where any key may stand."""
    node = schema_at(path)
    return tuple(node.get("properties", {})) if node is not None else ()


def is_required(path: Path) -> bool:
    """Say whether the mapping around `path` must have this key."""
    around = schema_at(path[:-1])
    return around is not None and path[-1] in around.get("required", ())


def places_of(key: str) -> tuple[Path, ...]:
    """Return the paths of all settings called `key`, however it is spelt; list positions show as 0."""
    return tuple(path for path, _ in _walk(json_schema(), ()) if plain(str(path[-1])) == plain(key))


def _inside(node: Mapping[str, Any], step: str | int) -> Mapping[str, Any] | None:
    if isinstance(step, int):
        found = node.get("items")
    else:
        found = node.get("properties", {}).get(step, node.get("additionalProperties"))
    return found if isinstance(found, Mapping) else None


def _resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference, also the one of a nullable section; what stands beside the reference wins."""
    choices = [choice for choice in node.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        return {**_resolved(choices[0]), **{key: value for key, value in node.items() if key != "anyOf"}}
    if "$ref" in node:
        target = json_schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _walk(node: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield each property in the order of the document, with its path and its own (unresolved) schema."""
    resolved = _resolved(node)
    for key, child in resolved.get("properties", {}).items():
        yield (*path, key), child
        yield from _walk(child, (*path, key))
    if isinstance(resolved.get("items"), Mapping):
        yield from _walk(resolved["items"], (*path, 0))
    if isinstance(resolved.get("additionalProperties"), Mapping):
        yield from _walk(resolved["additionalProperties"], (*path, "NAME"))


def reference_markdown() -> str:
    """Return the reference of all keys as a Markdown page."""
    rows = [
        _row(path, node, is_needed="default" not in node and is_required(path))
        for path, node in _walk(json_schema(), ())
    ]
    own = [line for name, model in SETTINGS.items() for line in _settings_page(name, model.__name__)]
    return "\n".join([*_INTRODUCTION, *rows, "", "## Settings of host providers", "", *own])


def _settings_page(provider: str, model: str) -> list[str]:
    found = _walk({"$ref": f"#/$defs/{model}"}, ("spec", "hosts", "settings"))
    rows = [_row(path, node, is_needed="default" not in node) for path, node in found]
    return [f"With `spec.hosts.provider: {provider}`; see [hosts.md](hosts.md).", "", *_HEAD, *rows, ""]


_HEAD = ("| Key | Value | Meaning |", "|---|---|---|")
_INTRODUCTION = (
    "# Cluster spec: all keys",
    "",
    "The desired state of one cluster is one YAML document. Examples to start from are in `include/clusters/`;",
    "`windlass spec validate FILE` says everything that is wrong with a file at once; editors can use",
    "[cluster.schema.json](cluster.schema.json), as the first line of each example says. Keys that are marked required",
    "have no default.",
    "",
    "This page is made by `windlass spec schema --markdown`.",
    "",
    *_HEAD,
)


def _row(path: Path, node: Mapping[str, Any], *, is_needed: bool) -> str:
    shown = "".join("[]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    need = "**Required.** " if is_needed else ""
    meaning = str(node.get("description", _resolved(node).get("description", "")))
    return f"| `{shown}` | {_kind(node)} | {need}{meaning.replace('|', chr(92) + '|')} |"


def _kind(node: Mapping[str, Any]) -> str:
    """Say in words what a value may be."""
    if "anyOf" in node:
        return " or ".join(_kind(choice) for choice in node["anyOf"])
    resolved = _resolved(node)
    if "enum" in resolved or "const" in resolved:
        return ", ".join(f"`{value}`" for value in resolved.get("enum", [resolved.get("const")]))
    kind = resolved.get("type")
    if kind == "array":
        return f"list of {_kind(resolved['items'])}"
    if kind == "object":
        inner = resolved.get("additionalProperties")
        return f"mapping of names to {_kind(inner)}" if isinstance(inner, Mapping) else "section"
    return _NAMES_OF_TYPES[kind] + _bounds(resolved)


def _bounds(node: Mapping[str, Any]) -> str:
    low = node.get("minimum", node.get("exclusiveMinimum"))
    high = node.get("maximum")
    if low is not None and high is not None:
        word = "above " if "exclusiveMinimum" in node else ""
        return f" {word}{low} to {high}"
    return f" from {low}" if low is not None else (" such as `20%`" if "pattern" in node else "")
