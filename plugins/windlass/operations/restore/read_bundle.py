"""Read objects of a bundle through the throwaway API server of the isolated place; nothing of them is kept anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from windlass.domain.bounded import read_from
from windlass.domain.masking import mask_api_message
from windlass.domain.restore.request import RestoreRequest
from windlass.domain.restore.served_kinds import (
    DISCOVERY,
    ServedKind,
    found_nothing,
    in_namespaces,
    kind_of,
    missing_definitions,
    read_kinds,
)
from windlass.domain.scripts.isolated_api import ApiRequest, IsolatedAnswer
from windlass.errors import IntegrityError, NotReadyError
from windlass.operations.backup.isolated import IsolatedCluster
from windlass.operations.waiting import wait_until

Object = dict[str, Any]
IsLive = Callable[[str, str], bool]
_SERVED = timedelta(seconds=45)
_PAGE = 500
_NOT_FOUND = 404
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_NAMESPACES = ServedKind("", ("v1",), "Namespace", "namespaces", is_namespaced=False)


def read_selected(place: IsolatedCluster, request: RestoreRequest, is_live: IsLive) -> Listed:
    """Return the objects of a bundle that are asked for, each in a version that the live API serves too if one is.

    `is_live` tells by API version and kind. RefusedError if the bundle has none of them, SpecError if there is no such
    kind, IntegrityError if the one object cannot be read.
    """
    kinds = served_kinds(place)
    if not request.is_whole_namespace:
        kind = kind_of(request, kinds)
        found = _read_one(place, kind, is_live, request.namespace, request.name)
        if found is None:
            raise found_nothing(request, place.manifest.id)
        return Listed((found,), {})
    namespace = _read_one(place, _NAMESPACES, is_live, "", request.namespace)
    if namespace is None:
        raise found_nothing(request, place.manifest.id)
    listed = list_objects(place, in_namespaces(kinds), is_live, request.namespace)
    return replace(listed, objects=(namespace, *listed.objects))


def served_kinds(place: IsolatedCluster) -> tuple[ServedKind, ...]:
    """Return what the throwaway API server serves, once that is all that the bundle defines."""
    found: list[tuple[ServedKind, ...]] = []

    def missing() -> str:
        kinds, lacking = _discover(place)
        found.append(kinds)
        return f"it does not serve {', '.join(lacking)} yet" if lacking else ""

    try:
        wait_until(missing, _SERVED, "wait for the kinds of the bundle", place.clock)
    except NotReadyError as error:
        if not found:
            raise
        place.watch.tell(f"{error}; objects of these kinds are not read")
    return found[-1]


def _discover(place: IsolatedCluster) -> tuple[tuple[ServedKind, ...], tuple[str, ...]]:
    asked = [ApiRequest(path, accept=DISCOVERY) for path in ("/api", "/apis")]
    ((definitions, _),) = _pages(place, [ApiRequest(f"{_DEFINITIONS}?limit={_PAGE}")])
    answers = place.exchange(asked)
    for request, answer in zip(asked, answers, strict=True):
        if not answer.is_good:
            raise NotReadyError(f"the throwaway API server answers {request.path} with {why_not(answer)}")
    with read_from("what the throwaway API server says that it serves", "take another bundle"):
        kinds = read_kinds(json.loads(answer.body) for answer in answers)
        return kinds, missing_definitions(definitions, kinds)


def _read_one(place: IsolatedCluster, kind: ServedKind, is_live: IsLive, namespace: str, name: str) -> Object | None:
    version = kind.version_for(is_live)
    (answer,) = place.exchange([ApiRequest(kind.path(version, namespace, name))])
    if answer.status == _NOT_FOUND:
        return None
    if not answer.is_good:
        raise IntegrityError(f"{kind.kind} {name} in bundle {place.manifest.id} cannot be read: {why_not(answer)}")
    with read_from(f"{kind.kind} {name} in bundle {place.manifest.id}", "take another bundle"):
        return dict(json.loads(answer.body))


@dataclass(frozen=True)
class Listed:
    """The objects of some kinds."""

    objects: tuple[Object, ...] = field(repr=False)
    unreadable: Mapping[ServedKind, str]
    """Kinds of which a list cannot be read, and why: such as those that only a webhook converts, which is not there."""


def list_objects(place: IsolatedCluster, kinds: Sequence[ServedKind], is_live: IsLive, namespace: str = "") -> Listed:
    """Return all objects of some kinds, of one namespace or of all."""
    versions = [one.version_for(is_live) for one in kinds]
    paths = [one.path(version, namespace) for one, version in zip(kinds, versions, strict=True)]
    lists = _pages(place, [ApiRequest(f"{path}?limit={_PAGE}") for path in paths])
    objects = [
        {"apiVersion": kind.api_version(version), "kind": kind.kind, **one}
        for kind, version, (found, _) in zip(kinds, versions, lists, strict=True)
        for one in found
    ]
    return Listed(tuple(objects), {kind: why for kind, (_, why) in zip(kinds, lists, strict=True) if why})


def _pages(place: IsolatedCluster, requests: Sequence[ApiRequest]) -> list[tuple[list[Object], str]]:
    """Return what each of some lists has, however many pages it takes, and why one cannot be read."""
    found: list[tuple[list[Object], str]] = [([], "") for _ in requests]
    for pages in page_rounds(place, [one.path for one in requests]):
        for number, (items, why) in pages.items():
            found[number] = ([], why) if why else ([*found[number][0], *items], "")
    return found


def page_rounds(place: IsolatedCluster, paths: Sequence[str]) -> Iterator[dict[int, tuple[list[Object], str]]]:
    """Yield the next page of each list that has one, by its number, until all are read; or why one cannot be."""
    waiting = {number: ApiRequest(path) for number, path in enumerate(paths)}
    while waiting:
        pages: dict[int, tuple[list[Object], str]] = {}
        following: dict[int, ApiRequest] = {}
        for number, answer in zip(waiting, place.exchange(list(waiting.values())), strict=True):
            if not answer.is_good:
                pages[number] = ([], why_not(answer))
                continue
            with read_from(f"{paths[number]} of bundle {place.manifest.id}", "take another bundle"):
                page = json.loads(answer.body)
                pages[number] = (page.get("items") or [], "")
                if token := (page.get("metadata") or {}).get("continue"):
                    following[number] = ApiRequest(f"{paths[number]}&continue={quote(token, safe='')}")
        yield pages
        waiting = following


def why_not(answer: IsolatedAnswer) -> str:
    """Return what an API server says of a request that it did not do, without values of objects."""
    if not answer.status:
        return "no answer"
    try:
        message = str(json.loads(answer.body)["message"])[:2000]
    except (ValueError, LookupError, TypeError):
        message = ""
    return f"{answer.status} {mask_api_message(message)}".strip()
