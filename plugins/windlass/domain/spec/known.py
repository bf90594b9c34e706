"""What is there where a spec is to be used: what a new spec may name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from windlass.domain.catalog.drivers import Drivers
from windlass.domain.catalog.flags import ReleaseFlags
from windlass.domain.catalog.kubelet_keys import KubeletKeys
from windlass.domain.catalog.release import Catalog
from windlass.domain.catalog.stacks import StackTemplate


@dataclass(frozen=True)
class Known:
    """The catalog's releases, stacks, drivers and flags, and the host providers that are installed."""

    versions: Sequence[str] | None = None
    """None for a stored spec: then also what is not there yet, flags and providers are left unchecked."""
    stacks: Mapping[str, StackTemplate] | None = None
    """None leaves stacks unchecked."""
    flags: Mapping[str, ReleaseFlags] = field(default_factory=dict)
    """What the components of each release take."""
    providers: Collection[str] = ()
    """Host providers besides Windlass's own."""
    kubelet_keys: Mapping[str, KubeletKeys] = field(default_factory=dict)
    """What the kubelet of each release takes in its configuration."""
    drivers: Drivers | None = None
    """None leaves drivers unchecked."""

    @classmethod
    def of(cls, catalog: Catalog, providers: Collection[str]) -> Known:
        """Return what a whole catalog has, with host providers that are installed."""
        return cls(catalog.versions, catalog.stacks, catalog.flags, providers, catalog.kubelet_keys, catalog.drivers)


STORED = Known()
"""For a stored spec, which an earlier Windlass accepted: what it names may have gone since, and it stays readable."""
