"""The catalog as pages show it: releases and how they stand, drivers by slot, stacks, and what each asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from windlass.domain.catalog import Catalog, Question
from windlass.domain.catalog.drivers import SLOTS
from windlass.domain.catalog.tested import Standing, is_accepted
from windlass.domain.host.layout import ADDRESS_STACK
from windlass.domain.spec.driver_form import default_driver
from windlass.web.fields import Field, question_field

_SLOT_TITLES: Mapping[str, str] = {
    "proxy": "Services",
    "network": "Network",
    "policy": "Network policies",
    "dns": "Names (DNS)",
    "storage": "Storage",
    "monitoring": "Measurements",
    "history": "History of measurements",
    "loadBalancer": "Load balancer",
}
_STANDINGS: Mapping[Standing, str] = {
    "tested": "passed its tests",
    "changed": "passed its tests, and was changed since",
    "failed": "failed its tests",
    "untested": "no record says that it passed its tests",
    "flawed": "has a known critical flaw",
}


@dataclass(frozen=True)
class ReleaseView:
    """One Kubernetes release."""

    version: str
    standing: Standing
    told: str
    is_accepted: bool
    """Whether clusters take it without being told to."""
    upgrades_from: tuple[str, ...]
    parts: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class EntryView:
    """One driver or stack."""

    name: str
    title: str
    description: str
    fields: tuple[Field, ...]
    images: tuple[str, ...]
    releases: tuple[str, ...] = ()
    """Those that it is for; empty: any."""


@dataclass(frozen=True)
class SlotView:
    """What may do one part of a cluster's work."""

    name: str
    title: str
    default: str
    drivers: tuple[EntryView, ...]
    broken: Mapping[str, str]
    """Those that cannot be picked, and why."""


@dataclass(frozen=True)
class CatalogView:
    """All of it."""

    releases: tuple[ReleaseView, ...]
    """Newest first."""
    slots: tuple[SlotView, ...]
    stacks: tuple[EntryView, ...]

    @property
    def newest(self) -> str:
        """The newest release that clusters take without being told to; else the newest."""
        accepted = [one.version for one in self.releases if one.is_accepted]
        return next(iter(accepted or [one.version for one in self.releases]), "")


def view_catalog(catalog: Catalog, standings: Mapping[str, Standing]) -> CatalogView:
    """Return what pages show of a catalog."""
    return CatalogView(
        releases=tuple(_release(catalog, one, standings[one]) for one in reversed(catalog.versions)),
        slots=tuple(_slot(catalog, slot) for slot in SLOTS),
        stacks=tuple(
            EntryView(one.name, one.name, one.description.strip(), _fields(one.questions), _parts(one.images))
            for one in catalog.stacks.values()
            if one.name != ADDRESS_STACK  # which `api.virtualAddress` picks
        ),
    )


def _release(catalog: Catalog, version: str, standing: Standing) -> ReleaseView:
    found = catalog.release(version)
    parts = _parts({**found.files, **found.images})
    told = _STANDINGS[standing]
    return ReleaseView(version, standing, told, is_accepted(standing), found.upgrades_from, parts, found.notes)


def _slot(catalog: Catalog, slot: str) -> SlotView:
    drivers = [catalog.drivers.driver(slot, name) for name in catalog.drivers.names(slot)]
    default = default_driver(slot)
    views = [
        EntryView(one.name, one.title, one.description, _fields(one.questions), _parts(one.images), one.needs.releases)
        for one in sorted(drivers, key=lambda one: (one.name != default, one.name))
    ]
    broken = {name: why for (place, name), why in catalog.drivers.broken.items() if place == slot}
    return SlotView(slot, _SLOT_TITLES.get(slot, slot), default, tuple(views), broken)


def _fields(questions: Iterable[Question]) -> tuple[Field, ...]:
    return tuple(map(question_field, questions))


def _parts(versions: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name} {version}" for name, version in sorted(versions.items()))
