"""Who people are in Kubernetes, as a spec may say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from windlass.domain.spec import Cluster, Known
from windlass.domain.spec.checks import problems

Make = Callable[[dict[str, Any]], Cluster]
KNOWN = Known(versions=("v1.37.2",))


def told(cluster: Cluster, known: Known = KNOWN) -> list[str]:
    return [str(problem) for problem in problems(cluster, known) if "access" in str(problem) or "oidc" in str(problem)]


def test_roles_people_and_teams_have_groups_of_their_own_and_those_of_windlass(changed: Make) -> None:
    groups = {
        "Admin": ["windlass:cluster-admin"],
        "user:ada@example.com": ["windlass:admin", "payments"],
        "team:payments": ["windlass:edit"],
        "Viewer": ["windlass:view"],
    }
    assert told(changed({"spec.access.groups": groups})) == []


@pytest.mark.parametrize(
    "group",
    [
        "system:masters",
        "system:nodes",
        "system:",
        "windlass:admins",
        "windlass:kubelet-api",
        "windlass:",
        "",
        " a",
        "x" * 65,
    ],
)
def test_a_group_that_makes_a_component_of_somebody_is_refused(changed: Make, group: str) -> None:
    (problem,) = told(changed({"spec.access.groups": {"Admin": ["ok", group]}}))
    assert problem.startswith("spec.access.groups.Admin[1]: ")
    assert "windlass:view" in problem


@pytest.mark.parametrize("key", ["", "user:", "team: ", "role:Admin"])
def test_a_key_that_fits_nobody_is_refused(changed: Make, key: str) -> None:
    assert "user:NAME" in "".join(told(changed({"spec.access.groups": {key: ["ok"]}})))


@pytest.mark.parametrize("minutes", [0, 61, 1440])
def test_no_certificate_of_a_person_outlives_the_hour(changed: Make, minutes: int) -> None:
    with pytest.raises(ValidationError):
        changed({"spec.access.credentialMinutes": minutes})


@pytest.mark.parametrize("key", ["usernamePrefix", "groupsPrefix"])
@pytest.mark.parametrize("prefix", ["system:", "airflow:", "windlass:", "system:node:"])
def test_a_provider_makes_nobody_a_component_or_a_person_of_airflow(changed: Make, key: str, prefix: str) -> None:
    provider = {"issuer": "https://id.example.com", "clientId": "k", key: prefix}
    cluster = changed({"spec.api.oidc": [provider]})
    (problem,) = told(cluster)
    assert problem.startswith(f"spec.api.oidc[0].{key}: `{prefix}`")
    assert told(cluster, Known()) == []
