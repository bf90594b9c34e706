"""Who may see the pages, and who may act: as Airflow says for the DAGs that stand behind them."""

from __future__ import annotations

from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, HTTPException, Path
from pydantic import AfterValidator

from windlass.domain.authenticity import READING_KEY_CONNECTION
from windlass.domain.spec.access import TEAM_PREFIX
from windlass.domain.spec.checks.syntax import wrong_label
from windlass.domain.spec.rights import APPROVE, SEE, Person
from windlass.effects.store import Store, UnverifiedStore
from windlass.operation_names import Operation
from windlass.operations.rights import right_to_run, why_not
from windlass.web.needs import TheStore

DAG = Operation.REMEDIATE
"""Who may read this DAG may see clusters."""

User = Annotated[Any, Depends(get_user)]


def _label(name: str) -> str:
    if wrong := wrong_label(name):
        raise ValueError(f"no cluster is called so: {wrong[0]}; {wrong[1]}")
    return name


ClusterName = Annotated[
    str, Path(max_length=63, description="as in its spec under metadata.name"), AfterValidator(_label)
]


def reader(user: User) -> None:
    """Turn away whoever may not read Windlass's DAGs."""
    if not get_auth_manager().is_authorized_dag(method="GET", details=DagDetails(id=DAG), user=user):
        raise HTTPException(403, f"you may not read the DAG `{DAG}`, and so not see clusters")


def person_of(user: Any) -> Person:
    """Return a user of Airflow with roles and teams, as its auth managers name them.

    `role` and `teams` are the simple auth manager's, `roles` FAB's. Of one that tells neither, its users alone can be
    named in a spec.
    """
    roles = {str(getattr(role, "name", role)) for role in getattr(user, "roles", None) or ()}
    roles |= {role} if isinstance(role := getattr(user, "role", None), str) else set()
    teams = {f"{TEAM_PREFIX}{getattr(team, 'name', team)}" for team in getattr(user, "teams", None) or ()}
    return Person(user.get_name() or "", frozenset(roles | teams))


def may_see(store: Store, cluster: str, user: Any) -> bool:
    """Say whether the cluster lets the user see it."""
    return not why_not(store, cluster, person_of(user), SEE)


def visible(name: ClusterName, user: User, store: TheStore) -> str:
    """Return the name of a cluster that the user may see; to others it is as if there were none."""
    if not may_see(store, name, user):
        raise unknown(name)
    return name


Visible = Annotated[str, Depends(visible)]


def unknown(name: str) -> HTTPException:
    """Return the answer about a cluster that is not there, or not for whoever asks."""
    return HTTPException(404, f"the store knows no cluster `{name}`")


def why_unchecked(store: Store) -> str:
    """Return why nobody may do more here than see: what the store says of who may is not checked; empty if it is."""
    if not isinstance(store, UnverifiedStore):
        return ""
    return (
        f"this API server cannot check what the spec says of who may; give it the connection `{READING_KEY_CONNECTION}`"
    )


def airflow_lets_run(dag_id: str, user: Any) -> bool:
    """Say whether Airflow lets a user start a DAG; of the cluster `why_not` says it."""
    return _airflow_lets("POST", DagAccessEntity.RUN, dag_id, user)


def airflow_lets_read(dag_id: str, entity: DagAccessEntity, user: Any) -> bool:
    """Say whether Airflow lets a user read something of a DAG's runs."""
    return _airflow_lets("GET", entity, dag_id, user)


def may_run(store: Store, cluster: str, dag_id: str, user: Any) -> bool:
    """Say whether the user may start a DAG for a cluster, by Airflow and by the cluster."""
    return not why_not(store, cluster, person_of(user), right_to_run(dag_id)) and airflow_lets_run(dag_id, user)


def may_answer(store: Store, cluster: str, dag_id: str, user: Any) -> bool:
    """Say whether the user may answer the questions of a DAG's runs about a cluster."""
    if why_not(store, cluster, person_of(user), APPROVE):
        return False
    return _airflow_lets("PUT", DagAccessEntity.HITL_DETAIL, dag_id, user)


def _airflow_lets(method: ResourceMethod, entity: DagAccessEntity, dag_id: str, user: Any) -> bool:
    return get_auth_manager().is_authorized_dag(
        method=method, access_entity=entity, details=DagDetails(id=dag_id), user=user
    )
