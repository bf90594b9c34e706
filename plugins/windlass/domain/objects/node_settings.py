"""Labels and taints of nodes: those of the spec are set, those that left it are removed, all others are left alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.domain.host.layout import NODE_SETTINGS
from windlass.domain.objects.drift import ABSENT, FieldDifference, ObjectDrift
from windlass.domain.objects.inventory import ObjectRef
from windlass.domain.rendering.nodes import Taint, node_labels, node_taints
from windlass.domain.spec.models import Host
from windlass.errors import MALFORMED

NODES_ADDON = "nodes"
_OF_KUBERNETES = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
"""Prefixes of taints that controllers and kubelets set and take away: cordons, pressure, not ready."""

TaintId = tuple[str, str]
"""Key and effect: a node has one taint of each."""


@dataclass(frozen=True)
class NodeSettings:
    """The keys of labels and the taints that Windlass has set on a node, as an annotation of the node keeps them."""

    labels: frozenset[str] = frozenset()
    taints: frozenset[TaintId] = frozenset()

    @classmethod
    def of(cls, host: Host) -> NodeSettings:
        """Return what belongs on the node of a host."""
        return cls(frozenset(node_labels(host)), frozenset((one.key, one.effect) for one in _desired_taints(host)))

    @classmethod
    def read(cls, node: Mapping[str, Any]) -> NodeSettings | None:
        """Return what was set on a node; None if nothing says so, or nothing that can be read."""
        try:
            kept = json.loads((node["metadata"].get("annotations") or {})[NODE_SETTINGS])
            taints = (one.rpartition(":") for one in kept["taints"])
            return cls(frozenset(kept["labels"]), frozenset((key, effect) for key, _, effect in taints))
        except MALFORMED:
            return None

    def text(self) -> str:
        """Return the annotation's value."""
        taints = sorted(f"{key}:{effect}" for key, effect in self.taints)
        return json.dumps({"labels": sorted(self.labels), "taints": taints})


@dataclass(frozen=True)
class NodeChange:
    """What to change about a node, and how people read it; both may be empty where only the annotation lacks."""

    patch: Mapping[str, Any]
    fields: tuple[FieldDifference, ...]

    def drift(self, name: str) -> ObjectDrift:
        """Return the change as the drift of the node."""
        note = "" if self.fields else "which labels and taints Windlass has set is not noted"
        return ObjectDrift(ObjectRef("v1", "Node", "", name, NODES_ADDON), "differs", self.fields, note)


def node_change(host: Host, node: Mapping[str, Any], before: Host | None = None) -> NodeChange | None:
    """Return how the node of `host` must change; None if it is as desired.

    What was set and is desired no more is known by the node's annotation; without one, by the spec of `before`.
    """
    desired, known = NodeSettings.of(host), NodeSettings.read(node)
    was_set = known or (NodeSettings() if before is None else NodeSettings.of(before))
    labels = _label_changes(node, node_labels(host), was_set)
    taints = _taints_after(node, _desired_taints(host), was_set)
    if not labels and taints is None and known == desired:
        return None
    metadata: dict[str, Any] = {"annotations": {NODE_SETTINGS: desired.text()}}
    patch: dict[str, Any] = {"metadata": metadata}
    if labels:
        metadata["labels"] = labels
    if taints is not None:
        # The whole list is replaced: it must be the one that was read.
        metadata["resourceVersion"] = node["metadata"].get("resourceVersion")
        patch["spec"] = {"taints": taints}
    return NodeChange(patch, tuple(_fields(node, labels, taints)))


def _desired_taints(host: Host) -> tuple[Taint, ...]:
    return tuple(taint for taint in node_taints(host) if not _is_of_kubernetes(taint.key))


def _is_of_kubernetes(key: str) -> bool:
    return key.startswith(_OF_KUBERNETES)


def _label_changes(node: Mapping[str, Any], desired: Mapping[str, str], was_set: NodeSettings) -> dict[str, str | None]:
    """Return the labels to set, and as None those to remove."""
    actual = node["metadata"].get("labels") or {}
    changes: dict[str, str | None] = {key: value for key, value in desired.items() if actual.get(key) != value}
    return changes | {key: None for key in sorted(was_set.labels - desired.keys()) if key in actual}


def _taints_after(
    node: Mapping[str, Any], desired: Sequence[Taint], was_set: NodeSettings
) -> list[dict[str, Any]] | None:
    """Return all taints that the node should have; None if it has them."""
    actual: list[dict[str, Any]] = (node.get("spec") or {}).get("taints") or []
    values = {(one.key, one.effect): one.value for one in desired}
    surplus = was_set.taints - values.keys()
    kept = [one for one in actual if _id(one) not in surplus or _is_of_kubernetes(one["key"])]
    right = {_id(one) for one in kept if _id(one) in values and one.get("value", "") == values[_id(one)]}
    lacking = [one for one in desired if (one.key, one.effect) not in right]
    if not lacking and len(kept) == len(actual):
        return None
    replaced = {(one.key, one.effect) for one in lacking}
    return [one for one in kept if _id(one) not in replaced] + [_document(one) for one in lacking]


def _id(taint: Mapping[str, Any]) -> TaintId:
    return str(taint["key"]), str(taint["effect"])


def _document(taint: Taint) -> dict[str, Any]:
    value = {"value": taint.value} if taint.value else {}
    return {"key": taint.key, **value, "effect": taint.effect}


def _fields(
    node: Mapping[str, Any], labels: Mapping[str, str | None], taints: list[dict[str, Any]] | None
) -> Iterator[FieldDifference]:
    actual = node["metadata"].get("labels") or {}
    for key, value in labels.items():
        yield FieldDifference(f"labels.{key}", actual.get(key, ABSENT), ABSENT if value is None else value)
    if taints is None:
        return
    before, after = _by_name((node.get("spec") or {}).get("taints") or []), _by_name(taints)
    for name in [*after, *(name for name in before if name not in after)]:
        if before.get(name) != after.get(name):
            yield FieldDifference(f"taints.{name}", before.get(name, ABSENT), after.get(name, ABSENT))


def _by_name(taints: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {f"{one['key']}:{one['effect']}": str(one.get("value", "")) or "set" for one in taints}
