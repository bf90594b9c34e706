"""Look for objects of the kinds of which the target drops a version."""

from __future__ import annotations

from windlass.domain.catalog import Release, RemovedApi
from windlass.domain.rollout.removed_apis import ApiUse, OwnRequest, stored, stored_only_there
from windlass.effects.kubernetes.client import KubernetesClient


def scan(client: KubernetesClient, target: Release) -> tuple[tuple[ApiUse, ...], tuple[OwnRequest, ...]]:
    """Return the uses in stored objects, and what had to be asked for in a version that the target drops."""
    uses: list[ApiUse] = []
    own: list[OwnRequest] = []
    for removed in target.removed_apis:
        for kind in removed.kinds:
            found, asked = _scan_kind(client, target, removed, kind)
            uses += found
            own += asked
    return tuple(uses), tuple(own)


def _scan_kind(
    client: KubernetesClient, target: Release, removed: RemovedApi, kind: str
) -> tuple[list[ApiUse], list[OwnRequest]]:
    """Look in the version that replaces the removed one, or, where that is not served yet, in the removed one itself.

    A kind that is served in neither has no objects that anybody could use.
    """
    if (newer := client.find_resource(removed.use, kind)) is not None:
        return list(stored(({**one, "kind": kind} for one in client.list(newer)), target)), []
    if (older := client.find_resource(removed.api_version, kind)) is not None:
        only_there = stored_only_there(client.list(older), removed, kind)
        return list(only_there), [OwnRequest(removed.api_version, older.plural)]
    return [], []
