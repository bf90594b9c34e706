"""Somebody as Airflow knows them, and who that is in Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from windlass.domain.oneline import line_breaker
from windlass.domain.spec.access import TEAM_PREFIX, USER_PREFIX, why_no_group_for_people
from windlass.errors import RefusedError

NAME_PREFIX = "airflow:"
"""What the name of everybody who comes in by Airflow begins with; no other name in Kubernetes does."""
_LONGEST_COMMON_NAME = 64
"""Bytes of UTF-8: X.509 counts characters, and the library that makes the certificate these."""


@dataclass(frozen=True)
class Login:
    """Somebody who has logged in to Airflow, as its auth manager says."""

    name: str
    """What tells them from all others of this Airflow."""
    roles: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()

    @property
    def keys(self) -> frozenset[str]:
        """What of `spec.access.groups` is meant for them; no role passes for a person, whatever it is called."""
        roles = {role for role in self.roles if not role.startswith((USER_PREFIX, TEAM_PREFIX))}
        return frozenset({*roles, f"{USER_PREFIX}{self.name}", *(f"{TEAM_PREFIX}{team}" for team in self.teams)})


def kubernetes_name(login: Login) -> str:
    """Return the name by which Kubernetes knows them; RefusedError if a certificate cannot carry it."""
    name = f"{NAME_PREFIX}{login.name}"
    if not login.name.strip() or line_breaker(login.name) is not None:
        raise RefusedError("this login has no name that a certificate can carry; give it another one in Airflow")
    if len(name.encode(errors="replace")) > _LONGEST_COMMON_NAME:
        most = _LONGEST_COMMON_NAME - len(NAME_PREFIX)
        raise RefusedError(
            f"the name of this login has {len(login.name)} characters, and a certificate carries {most}, or fewer that "
            "are not ASCII (X.509); give it a shorter one in Airflow"
        )
    return name


def groups_of(login: Login, groups: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the Kubernetes groups that `groups` (as in the spec) gives somebody, sorted.

    RefusedError if there are none, or if one is a group that makes a component of somebody.
    """
    given = sorted({group for key, named in groups.items() if key in login.keys for group in named})
    for group in given:
        if wrong := why_no_group_for_people(group):
            raise RefusedError(f"no certificate for `{login.name}`: {wrong}; take it out of spec.access.groups")
    if not given:
        roles = ", ".join(sorted(login.roles)) or "none"
        raise RefusedError(
            f"`{login.name}` has no group in this cluster (roles in Airflow: {roles}); "
            "whoever applies its spec can give them one in spec.access.groups"
        )
    return tuple(given)
