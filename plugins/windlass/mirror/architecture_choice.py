"""Chooses which architectures a mirror has artifacts for: what it has for one stays, whatever is asked for later."""

from __future__ import annotations

import os
from collections.abc import Sequence

from windlass.domain.architectures import ARCHITECTURES, in_order
from windlass.domain.artifacts import Lock
from windlass.errors import SpecError
from windlass.mirror.places import is_own_registry, own_architecture

SETTING = "WINDLASS_MIRROR_ARCHITECTURES"


def configured(given: Sequence[str] = ()) -> tuple[str, ...]:
    """Return what the command line says, or the setting; SpecError for an architecture that nothing is made for."""
    asked = list(given) or [one.strip() for one in os.environ.get(SETTING, "").split(",") if one.strip()]
    unknown = [one for one in asked if one not in ARCHITECTURES]
    if unknown:
        raise SpecError(f"{SETTING} or --arch is `{unknown[0]}`; it must be one of {', '.join(ARCHITECTURES)}")
    return in_order(asked)


def architectures_of(asked: Sequence[str], lock: Lock | None) -> tuple[str, ...]:
    """Return what a mirror with this lock is to have: what is asked for and what it has; else this machine's own."""
    return in_order((*asked, *held(lock))) or (own_architecture(),)


def held(lock: Lock | None) -> tuple[str, ...]:
    """Return the architectures that a mirror has anything for; the registry, which runs where it is filled, apart."""
    found = set()
    for artifact, locked in (lock.artifacts if lock else {}).items():
        if artifact.kind == "image":
            found |= {one for one in ARCHITECTURES if locked.digest_on(one) is not None}
        elif not is_own_registry(artifact):
            found.add(artifact.architecture)
    return in_order(found)
