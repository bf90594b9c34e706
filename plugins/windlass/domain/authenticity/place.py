"""Where an object of the store belongs, as its key says, and how it is protected there."""

from __future__ import annotations

from dataclasses import dataclass

CLUSTERS = "clusters/"
PUBLISHED = "catalog/published/"
INSTALLATION = "installation.json"
LEDGER = "ledger.json"

_GUARDED = frozenset(
    {"spec", "pki", "people", "created", "roll", "left_hosts", "known_hosts", "accepted_host_keys", "recoveries"}
)
"""Of which an older version, or none, would do harm unnoticed; they change seldom, so that a ledger can keep up.

Leases and observations change all the time, and carry the time of their change.
"""
_SEALED = frozenset({"spec"})
"""What has no seal of its own, and may hold what readers of the bucket should not see."""
_ON_ITS_OWN = frozenset({"log", "bundles", "credentials"})
"""Bundles have sealed parts and signed manifests, also in other buckets; nothing is decided by the log. An API server
that signs nothing counts how often people were let in lately."""


@dataclass(frozen=True)
class Place:
    """One place in the store."""

    cluster: str
    """Empty for what belongs to no cluster."""
    kind: str
    key: str

    @property
    def is_guarded(self) -> bool:
        """Tell whether the cluster's ledger keeps its generation."""
        return bool(self.cluster) and self.kind in _GUARDED

    @property
    def is_sealed(self) -> bool:
        """Tell whether its content is encrypted here."""
        return bool(self.cluster) and self.kind in _SEALED

    def __str__(self) -> str:
        return f"{self.key} in the store"


def place_of(key: str) -> Place | None:
    """Return the place of the object at `key`; None if it is authenticated by itself, or decides nothing."""
    if key == INSTALLATION:
        return Place("", "installation", key)
    if key.startswith(PUBLISHED):
        return Place("", "published", key)
    cluster, _, rest = key.removeprefix(CLUSTERS).partition("/")
    kind = rest.partition("/")[0].partition(".")[0]
    if not key.startswith(CLUSTERS) or not kind or kind in _ON_ITS_OWN:
        return None
    return Place(cluster, kind, key)


def ledger_place(cluster: str) -> Place:
    """Return the place of a cluster's ledger."""
    return Place(cluster, "ledger", f"{CLUSTERS}{cluster}/{LEDGER}")


def is_of_before(key: str) -> bool:
    """Tell whether an object at `key` shows that a store was in use: drills prove themselves, as bundles do."""
    place = place_of(key)
    return place is not None and place.kind not in {"drills", "installation"}
