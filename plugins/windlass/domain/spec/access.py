"""What Airflow's users may do with a cluster and in its Kubernetes API: the section of the spec, and its words."""

from __future__ import annotations

from typing import Literal, get_args

from windlass.domain.spec.base import Many, Section, setting

USER_PREFIX, TEAM_PREFIX = "user:", "team:"
"""How a key of `groups` or `roles` says that it is a person's name or a team's; without either it is a role's."""
Right = Literal["see", "operate", "approve", "delete"]
RIGHTS: tuple[Right, ...] = get_args(Right)
PEOPLE_ROLES = ("cluster-admin", "admin", "edit", "view")
"""The ClusterRoles that Kubernetes has for people; the group `windlass:ROLE` is bound to each, in all namespaces."""
MOST_MINUTES = 60
"""How long a person's certificate lives at most: Kubernetes cannot take one back."""
LONGEST_GROUP = 64
"""Characters of a group: X.509 has no longer organizations (RFC 5280, ub-organization-name)."""
_KUBERNETES_OWN, _WINDLASS_OWN = "system:", "windlass:"


class AccessSection(Section):
    """What Airflow's users may do with this cluster, of what Airflow lets them, and what they are in Kubernetes."""

    roles: dict[str, Many[Right]] = setting(
        {},
        "By role of Airflow (`Op`), team (`team:payments`) or user (`user:anna`): a list of see, operate (start and "
        "steer runs), approve, delete; each but see includes to see. Empty: whatever Airflow allows.",
    )
    groups: dict[str, Many[str]] = setting(
        {},
        "Kubernetes groups by Airflow role (such as Admin), by person (user:NAME) or by team (team:NAME); a person has "
        "those of all that fit. windlass:cluster-admin, windlass:admin, windlass:edit and windlass:view are bound to "
        "the ClusterRoles of these names. Empty: nobody gets in through Airflow, and no certificate of people counts.",
    )
    credential_minutes: int = setting(
        MOST_MINUTES, "How long a person's certificate is good, in minutes.", ge=1, le=MOST_MINUTES
    )


def people_group(role: str) -> str:
    """Return the group that is bound to one of `PEOPLE_ROLES`."""
    return f"{_WINDLASS_OWN}{role}"


def why_no_group_for_people(group: str) -> str:
    """Say why a group may not be given to people; empty if it may.

    Those of Kubernetes itself make a node or a component of whoever is in them, or somebody whom nothing is forbidden
    (`system:masters`); those of Windlass beside the four make an API server.
    """
    if group.startswith(_KUBERNETES_OWN):
        return f"`{group}` is a group of Kubernetes' own components"
    if group.startswith(_WINDLASS_OWN) and group not in map(people_group, PEOPLE_ROLES):
        return f"`{group}` is a group of Windlass's own certificates"
    if not group or not group.isprintable() or group != group.strip():
        return "it is no name of a group"
    # Bytes of UTF-8: the library that makes certificates counts these.
    return (
        f"it is longer than {LONGEST_GROUP} characters" if len(group.encode(errors="replace")) > LONGEST_GROUP else ""
    )
