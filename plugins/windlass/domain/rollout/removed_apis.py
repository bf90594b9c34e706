"""Who uses what the target no longer serves: API servers' own count of deprecated requests, and stored objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from windlass.domain.catalog import Release, RemovedApi
from windlass.domain.rollout.disruption import name_of
from windlass.errors import MALFORMED

METRIC = "apiserver_requested_deprecated_apis"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SAMPLE = re.compile(rf"^{METRIC}\{{(?P<labels>[^}}]*)\}} (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, order=True)
class ApiUse:
    """One use of an API version that the target does not serve."""

    api_version: str
    what: str
    """The kind or resource."""
    who: str
    """Who uses it, as far as that can be told."""
    instead: str
    """The API version to use."""

    def __str__(self) -> str:
        return f"{self.what} of {self.api_version} by {self.who} (use {self.instead})"


def requested(metrics: str, release: Release) -> Iterator[ApiUse]:
    """Read an API server's metrics: requests since it started for versions that `release` no longer serves."""
    replacements = {removed.api_version: removed.use for removed in release.removed_apis}
    for sample in _SAMPLE.finditer(metrics):
        labels = dict(_LABEL.findall(sample["labels"]))
        group, version = labels.get("group", ""), labels.get("version", "")
        api_version = f"{group}/{version}" if group else version
        ends = labels.get("removed_release", "")
        if _is_positive(sample["value"]) and (api_version in replacements or _is_gone(ends, release.minor)):
            instead = replacements.get(api_version, "a newer version")
            yield ApiUse(api_version, labels.get("resource", "requests"), "requests to the API", instead)


def _is_positive(value: str) -> bool:
    """Whether a sample counts any request; what is no number counts none."""
    try:
        return float(value) > 0
    except ValueError:
        return False


def _is_gone(ends: str, minor: str) -> bool:
    """Whether an API that ends with the release `ends` (such as 1.37, or empty) is gone in `minor`."""
    parts = ends.split(".")
    if len(parts) != 2 or not all(re.fullmatch("[0-9]{1,6}", part) for part in parts):
        return False
    return [int(part) for part in parts] <= [int(part) for part in minor.split(".")]


def stored(objects: Iterable[Mapping[str, Any]], release: Release) -> Iterator[ApiUse]:
    """Look at objects: which were last applied in, or are managed through, versions that `release` no longer serves."""
    removed = {(api.api_version, kind): api.use for api in release.removed_apis for kind in api.kinds}
    for found in objects:
        kind = str(found.get("kind", ""))
        for api_version, who in _ways(found["metadata"]):
            if (api_version, kind) in removed:
                yield ApiUse(api_version, f"{kind} {name_of(found)}", who, removed[api_version, kind])


def _ways(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each API version that somebody wrote the object in, and who."""
    for entry in metadata.get("managedFields") or ():
        yield str(entry.get("apiVersion", "")), str(entry.get("manager") or "an unknown client")
    applied = (metadata.get("annotations") or {}).get(LAST_APPLIED)
    if applied:
        try:
            yield str(json.loads(applied).get("apiVersion", "")), "kubectl apply"
        except MALFORMED:
            return


def stored_only_there(objects: Iterable[Mapping[str, Any]], removed: RemovedApi, kind: str) -> Iterator[ApiUse]:
    """Take each object of a kind that the running release serves in no other version than `removed` for a use."""
    for found in objects:
        entries = found["metadata"].get("managedFields", [])
        managers = sorted({str(entry["manager"]) for entry in entries if entry.get("manager")})
        who = " and ".join(managers) or "an unknown client"
        instead = f"{removed.use} once that is served; delete this before the upgrade"
        yield ApiUse(removed.api_version, f"{kind} {name_of(found)}", who, instead)


@dataclass(frozen=True, order=True)
class OwnRequest:
    """What had to be asked for in a removed version; API servers count that as a request for it, like anybody's."""

    api_version: str
    plural: str

    def __str__(self) -> str:
        return (
            f"API servers counted requests for {self.plural} of {self.api_version}, which may be the gate's own: the "
            "running release serves no other version to look for objects in, and there are none"
        )


def without_own(requests: Iterable[ApiUse], own: Iterable[OwnRequest]) -> tuple[frozenset[ApiUse], tuple[str, ...]]:
    """Return the requests that others made for certain, and in words those that may be our own."""
    requests, ours = frozenset(requests), {(one.api_version, one.plural): one for one in own}
    unsure = frozenset(use for use in requests if (use.api_version, use.what) in ours)
    return requests - unsure, tuple(sorted({str(ours[use.api_version, use.what]) for use in unsure}))
