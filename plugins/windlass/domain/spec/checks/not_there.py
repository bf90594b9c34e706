"""Checks for what the format has words for and nothing here does: refused in a new spec, with what to do instead.

A stored spec is not asked: an earlier Windlass accepted it, and its cluster is to be watched and backed up as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from windlass.domain.spec.care import SURGE
from windlass.domain.spec.class_names import is_class_name
from windlass.domain.spec.drivers import driver_choices
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Problem


def not_there(cluster: Cluster) -> Iterator[Problem]:
    """Yield each setting that would have no effect."""
    yield from _own_drivers(cluster)
    upgrade = cluster.spec.upgrade
    if upgrade.max_unavailable in {0, "0%"}:
        wrong = "no worker may be out of service, so that no rollout can go on"
        yield Problem(("spec", "upgrade", "maxUnavailable"), wrong, "set it to 1 or more")


def surge(document: Any) -> Iterator[Problem]:
    """Yield what a new document asks of `maxSurge`, which has left the spec; that it asks for none is passed over."""
    spec = document.get("spec") if isinstance(document, Mapping) else None
    upgrade = spec.get("upgrade") if isinstance(spec, Mapping) else None
    if isinstance(upgrade, Mapping) and upgrade.get(SURGE, 0) not in {0, "0%"}:
        wrong = "no worker is added for the time of a rollout, and the setting has left the spec"
        right = "take it out; to keep capacity, add a worker to spec.hosts.members first, and take that out afterwards"
        yield Problem(("spec", "upgrade", SURGE), wrong, right)


def _own_drivers(cluster: Cluster) -> Iterator[Problem]:
    for choice in driver_choices(cluster):
        if is_class_name(choice.name):
            wrong = f"`{choice.name}` names a class, and a spec names no code"
            right = "bring your driver as one of the catalog, which is data, or say `none`, and use spec.manifests"
            yield Problem((*choice.path, "driver"), wrong, right)
