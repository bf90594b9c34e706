"""What was found of a cluster before a recovery, and what the bundle is of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from windlass.domain.etcd.membership import EtcdObservation


@dataclass(frozen=True)
class Survey:
    """What was found of a cluster: its etcd members, and which hosts answer."""

    observed: EtcdObservation
    unreachable: Mapping[str, str]
    """Hosts of the spec that do not answer, with the reason."""
    life: str | None = None
    """UID of the namespace kube-system that members with a leader have; empty if they have none, None if unknown."""


@dataclass(frozen=True)
class BundleOrigin:
    """What a bundle is of, to be told from what is there now."""

    revision: int
    life: str
    """See `windlass.domain.backup.life_of`."""
    has_our_keys: bool
    """Whether it is of the cluster whose keys are stored, and not of a former one of the same name."""
