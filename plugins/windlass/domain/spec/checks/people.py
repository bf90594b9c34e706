"""Checks of what people are in Kubernetes: groups by Airflow's roles, prefixes of OpenID Connect providers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from windlass.domain.spec.access import (
    PEOPLE_ROLES,
    TEAM_PREFIX,
    USER_PREFIX,
    people_group,
    why_no_group_for_people,
)
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem

_GROUPS: Path = ("spec", "access", "groups")
RESERVED_PREFIXES = ("system:", "airflow:", "windlass:")
"""What names and groups of Kubernetes, of people from Airflow, and of Windlass's certificates begin with."""


def access_groups(cluster: Cluster) -> Iterator[Problem]:
    """Check that each key is a role, a person or a team, and that no group is one of a component."""
    right = f"give one of your own, or {', '.join(map(people_group, PEOPLE_ROLES))}"
    for key, groups in cluster.spec.access.groups.items():
        if wrong := _wrong_key(key):
            yield Problem((*_GROUPS, key), wrong, f"write a role, `{USER_PREFIX}NAME` or `{TEAM_PREFIX}NAME`")
        for index, group in enumerate(groups):
            if wrong := why_no_group_for_people(group):
                yield Problem((*_GROUPS, key, index), wrong, right)


def _wrong_key(key: str) -> str:
    name = key.removeprefix(USER_PREFIX if key.startswith(USER_PREFIX) else TEAM_PREFIX)
    if not name.strip():
        return f"`{key}` names nobody"
    # `role:Admin` would silently fit nobody.
    return f"`{key}` is neither a role nor a person nor a team" if name == key and ":" in key else ""


def reserved_prefixes(cluster: Cluster) -> Iterator[Problem]:
    """Check that no provider makes people of a kind that is not its own; a stored spec is not asked."""
    for index, provider in enumerate(cluster.spec.api.oidc):
        for key, prefix in (("usernamePrefix", provider.username_prefix), ("groupsPrefix", provider.groups_prefix)):
            if prefix and prefix.startswith(RESERVED_PREFIXES):
                wrong = f"`{prefix}` begins as names of Kubernetes or Windlass do"
                yield Problem(("spec", "api", "oidc", index, key), wrong, "give another, such as `oidc:`")


CHECKS: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (access_groups,)
