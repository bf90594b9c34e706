"""What a rollout cannot change, since it goes over the hosts that there are, and these serve all the while."""

from __future__ import annotations

from windlass.domain.spec import Cluster, diff_clusters
from windlass.domain.spec.diff import Change
from windlass.errors import RefusedError

_MEMBERS = ("spec", "hosts", "members")
_LENGTH = len(_MEMBERS) + 1


def refuse_what_no_rollout_changes(before: Cluster, after: Cluster) -> None:
    """RefusedError that names every change of the spec that would leave hosts or pods behind."""
    told = [text for change in diff_clusters(before, after) if (text := _why(change))]
    if told:
        raise RefusedError(f"{after.name}: a rollout cannot change this: {'; '.join(told)}; put it back into the spec")


def _why(change: Change) -> str:
    if change.is_of_ranges:
        return f"{change} (what runs keeps its addresses)"
    if change.path[: len(_MEMBERS)] != _MEMBERS:
        return ""
    path = ".".join(map(str, change.path))
    if change.path[_LENGTH : _LENGTH + 1] == ("address",):
        return f"{change} (members and nodes keep what they are)"
    return ""
