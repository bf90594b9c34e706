"""Read every stored object through the target's API, and write it back without keeping it; add-ons' manifests too."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from windlass.domain.catalog import Release
from windlass.domain.objects.inventory import FIELD_MANAGER, ObjectRef
from windlass.domain.rendering import AddonManifest
from windlass.domain.restore.served_kinds import ServedKind, missing_definitions
from windlass.domain.rollout.rehearsal_record import Defect
from windlass.domain.rollout.upgrade_defects import (
    PASSING,
    converts_by_webhook,
    definition_defects,
    refused,
    removed_uses,
    webhook_defects,
)
from windlass.domain.scripts.isolated_api import ApiRequest
from windlass.operations.backup.isolated import IsolatedCluster
from windlass.operations.restore.read_bundle import page_rounds, why_not

Object = dict[str, Any]
_PAGE = 200
"""Objects of one kind that are read, and then written back, at once."""
_MANAGER = "windlass-rehearsal"
_NOT_FOUND = 404
_KEPT = frozenset({"customresourcedefinitions", "validatingwebhookconfigurations", "mutatingwebhookconfigurations"})
"""Plurals of what is judged as a whole besides."""


@dataclass
class Tried:
    """What came of it."""

    objects: int = 0
    defects: list[Defect] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    kept: dict[str, list[Object]] = field(default_factory=dict)


def try_objects(place: IsolatedCluster, kinds: Sequence[ServedKind], target: Release) -> Tried:
    """Try every object of the kinds that the target serves."""
    tried, chosen = Tried(), [one for one in kinds if one.plural not in PASSING]
    unread: dict[tuple[str, str], str] = {}
    paths = [f"{one.path(one.versions[0])}?limit={_PAGE}" for one in chosen]
    for pages in page_rounds(place, paths):
        for number, (items, why) in pages.items():
            kind = chosen[number]
            if why:
                unread[kind.group, kind.plural] = why
                continue
            named = {"apiVersion": kind.api_version(kind.versions[0]), "kind": kind.kind}
            found = [{**named, **one} for one in items]
            _keep(tried, kind, found)
            tried.defects += removed_uses(found, target)
            _write_back(place, kind, found, tried)
    _judge_kept(tried, kinds, unread)
    return tried


def _keep(tried: Tried, kind: ServedKind, found: list[Object]) -> None:
    if kind.plural in _KEPT:
        tried.kept.setdefault(kind.plural, []).extend(found)


def _write_back(place: IsolatedCluster, kind: ServedKind, found: Sequence[Object], tried: Tried) -> None:
    tried.objects += len(found)
    if not kind.is_updatable:
        return
    answers = place.exchange([_put(kind, one) for one in found])
    defects = (refused(one, answer.status, why_not(answer)) for one, answer in zip(found, answers, strict=True))
    tried.defects += [one for one in defects if one is not None]


def _put(kind: ServedKind, found: Object) -> ApiRequest:
    ref = ObjectRef.of(found)
    path = kind.path(kind.versions[0], ref.namespace, ref.name)
    return ApiRequest(f"{path}?dryRun=All&fieldManager={_MANAGER}", "PUT", json.dumps(found))


def _judge_kept(tried: Tried, kinds: Collection[ServedKind], unread: Mapping[tuple[str, str], str]) -> None:
    definitions = tried.kept.get("customresourcedefinitions", [])
    tried.defects += definition_defects(definitions, missing_definitions(definitions, kinds))
    hooks = [one for plural in _KEPT if "webhook" in plural for one in tried.kept.get(plural, ())]
    tried.defects += webhook_defects(hooks, kinds)
    by_webhook = converts_by_webhook(definitions)
    for (group, plural), why in unread.items():
        name = f"{plural}.{group}" if group else plural
        if (group, plural) in by_webhook:
            tried.untried.append(f"{name}: only a webhook of the cluster converts its objects, and none is reached")
        else:
            tried.defects.append(Defect(what=name, owner="", why=f"its objects cannot be read: {why}"))


def try_manifests(
    place: IsolatedCluster, manifests: Sequence[AddonManifest], kinds: Sequence[ServedKind]
) -> Iterator[Defect]:
    """Apply the manifests of the target's add-ons without keeping them; yield what it does not take."""
    known = {(one.api_version(version), one.kind): one for one in kinds for version in one.versions}
    defined = {str(one.document["spec"]["names"]["kind"]) for one in manifests if _is_definition(one)}
    made = {one.name for one in manifests if one.kind == "Namespace"}
    asked = []
    for one in manifests:
        kind = known.get((str(one.document["apiVersion"]), one.kind))
        if kind is not None:
            asked.append((one, _patch(kind, one)))
        elif one.kind not in defined:
            yield Defect(what=str(one), owner=one.addon, why="the target serves no such kind")
    for (one, _), answer in zip(asked, place.exchange([request for _, request in asked]), strict=True):
        # A namespace that comes with them is not there in a dry run.
        if not answer.is_good and not (answer.status == _NOT_FOUND and one.namespace in made):
            yield Defect(what=str(one), owner=one.addon, why=f"it cannot be applied: {why_not(answer)}")


def _is_definition(manifest: AddonManifest) -> bool:
    return manifest.kind == "CustomResourceDefinition"


def _patch(kind: ServedKind, manifest: AddonManifest) -> ApiRequest:
    version = str(manifest.document["apiVersion"]).rpartition("/")[2]
    path = kind.path(version, manifest.namespace or "", manifest.name)
    query = f"dryRun=All&force=true&fieldManager={FIELD_MANAGER}"
    body = json.dumps(manifest.document)
    return ApiRequest(f"{path}?{query}", "PATCH", body, content_type="application/apply-patch+yaml")
