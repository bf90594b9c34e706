"""What differs between two specs of one cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.domain.spec.models import Cluster, Host
from windlass.domain.spec.private import Fingerprint, no_fingerprint, shown_value
from windlass.domain.spec.problem import Path, path_text


class _Absent:
    """Stands for a key or item that one of the two specs does not have."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


@dataclass(frozen=True)
class Change:
    """One path whose value differs; `ABSENT` where a spec does not have it.

    Hosts, manifests and stacks are told by their name, not by their place, so that adding one in the middle is one
    change: their path holds the name, as in `spec.hosts.members.w-1.labels`.
    """

    path: Path
    old: Any
    new: Any

    def __str__(self) -> str:
        return self.told()

    def told(self, fingerprint: Fingerprint = no_fingerprint) -> str:
        """Return the change in words; texts of the writer's own only by fingerprint, see `private`."""
        old, new = (self._shown(one, fingerprint) for one in (self.old, self.new))
        return f"{path_text(self.path)}: {old if old != new else 'another value, which is not shown'}" + (
            f" -> {new}" if old != new else ""
        )

    def _shown(self, value: Any, fingerprint: Fingerprint) -> str:
        return repr(value if value is ABSENT else shown_value(self.path, value, fingerprint))

    def is_within(self, *start: str) -> bool:
        """Say whether the change is at or below the path `start`."""
        return self.path[: len(start)] == start


def diff_clusters(old: Cluster, new: Cluster) -> tuple[Change, ...]:
    """Return every path that differs, in the order of the new spec; nothing if they mean the same."""
    before, after = (_named(cluster.model_dump(mode="json", by_alias=True)) for cluster in (old, new))
    return tuple(_changes(before, after, ()))


def dropped_hosts(old: Cluster, new: Cluster) -> tuple[Host, ...]:
    """Return the hosts that the spec no longer has."""
    kept = {host.name for host in new.spec.hosts.members}
    return tuple(host for host in old.spec.hosts.members if host.name not in kept)


def _changes(old: Any, new: Any, path: Path) -> list[Change]:
    old, new = ({} if one == [] and isinstance(other, Mapping) else one for one, other in ((old, new), (new, old)))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = [*new, *(key for key in old if key not in new)]
        return [change for key in keys for change in _changes(old.get(key, ABSENT), new.get(key, ABSENT), (*path, key))]
    # 1 and True are equal in Python, and mean different things in a spec.
    return [] if type(old) is type(new) and old == new else [Change(path, old, new)]


def _named(value: Any) -> Any:
    """Turn lists of things that have a name into mappings by that name."""
    if isinstance(value, Mapping):
        return {key: _named(inner) for key, inner in value.items()}
    if (
        not value
        or not isinstance(value, list)
        or not all(isinstance(item, Mapping) and "name" in item for item in value)
    ):
        return value
    return {item["name"]: _named(item) for item in value}
