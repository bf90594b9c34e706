"""Who may do what with a cluster: what its spec says of Airflow's users, roles and teams, and how that is judged.

Airflow's own permissions come first, and are about DAGs, which are the same for all clusters. What is said here takes
from them, cluster by cluster, and gives nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from windlass.domain.spec.access import RIGHTS, USER_PREFIX, AccessSection, Right
from windlass.domain.spec.document import read_document
from windlass.domain.spec.problem import correct_spec
from windlass.errors import RefusedError

SEE, OPERATE, APPROVE, DELETE = RIGHTS


@dataclass(frozen=True)
class Person:
    """A user of Airflow, as far as is known."""

    name: str
    """Airflow's name of the user; empty where it is not known."""
    roles: frozenset[str] | None
    """Names of roles, and of teams as `team:NAME`; None where they are not known, as in a task."""


def may(access: AccessSection, person: Person, right: Right) -> bool | None:
    """Say whether the cluster lets a person do something; None if that is for roles to say, and they are not known."""
    if not access.roles:
        return True
    keys = {key for key, rights in access.roles.items() if right in _all_of(rights)}
    if person.name and f"{USER_PREFIX}{person.name}" in keys:
        return True
    if person.roles is None:
        return None if person.name and any(not key.startswith(USER_PREFIX) for key in keys) else False
    return bool({key for key in keys if not key.startswith(USER_PREFIX)} & person.roles)


def newly_given(before: AccessSection, after: AccessSection) -> tuple[Right, ...]:
    """Return the rights that somebody has by `after` who had them not by `before`; where no roles are, all have all."""
    if not before.roles:
        return ()
    if not after.roles:
        return RIGHTS
    given = {
        right for key, rights in after.roles.items() for right in _all_of(rights) - _all_of(before.roles.get(key, ()))
    }
    return tuple(right for right in RIGHTS if right in given)


def _all_of(rights: Collection[Right]) -> set[Right]:
    return {*rights, *([SEE] if rights else [])}


def access_in(name: str, data: bytes) -> AccessSection:
    """Return what a stored spec says, also one that is wrong elsewhere; RefusedError if that cannot be told."""
    document = read_document(data.decode(errors="replace"))
    try:
        return AccessSection.model_validate(_section(document.value), by_alias=True, by_name=False)
    except ValidationError as error:
        if b"access" not in data:
            return AccessSection()  # it says nothing of it, whatever is wrong with it
        raise RefusedError(
            f"{name}: the stored spec cannot be read, and with it who may do what there; {correct_spec(name)}"
        ) from error


def _section(document: Any) -> Any:
    """Return the section as it stands there; None if the document is none that has sections."""
    spec = document.get("spec") if isinstance(document, Mapping) else None
    return spec.get("access", {}) if isinstance(spec, Mapping) else None
