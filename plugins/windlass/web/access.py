"""Who may see the pages, and who may act: as Airflow says for the DAGs that stand behind them."""

from __future__ import annotations

from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, HTTPException

from windlass.operation_names import Operation

_DAG = Operation.REMEDIATE
"""Who may read this DAG may see clusters, who may run it sees the buttons; Airflow asks again when one is pressed."""

User = Annotated[Any, Depends(get_user)]


def reader(user: User) -> None:
    """Turn away whoever may not read Windlass's DAGs."""
    if not get_auth_manager().is_authorized_dag(method="GET", details=DagDetails(id=_DAG), user=user):
        raise HTTPException(403, f"you may not read the DAG `{_DAG}`, and so not see clusters")


def may_operate(user: Any) -> bool:
    """Say whether the user may start runs."""
    return get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=_DAG), user=user
    )
