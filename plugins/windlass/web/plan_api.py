"""Plans of operations over the API: what one would do to a cluster, and to what, with nothing done.

A plan is made by a run of the operation that only plans, as that of a form is: it looks at hosts, which takes a worker.
So it is asked for, and then looked at until it is there.
"""

from __future__ import annotations

import uuid
from typing import Any, Literal

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from fastapi import HTTPException
from pydantic import BaseModel, Field

from windlass.domain.spec import load_cluster
from windlass.domain.spec.plain_secrets import refuse_plain_secrets
from windlass.effects.store import Store
from windlass.errors import SpecError
from windlass.operation_names import Operation
from windlass.operations.rights import right_to_run, rights_in, why_not, why_not_give
from windlass.web.access import User, Visible, airflow_lets_read, airflow_lets_run, person_of, why_unchecked
from windlass.web.cluster_runs import TheClusterRuns, with_creation
from windlass.web.needs import TheStore
from windlass.web.run_starting import TheStarter
from windlass.web.run_views import RunView

Planned = Literal[
    Operation.APPLY,
    Operation.CREATE,
    Operation.UPGRADE,
    Operation.ROTATE,
    Operation.RECOVER,
    Operation.RESTORE_OBJECTS,
    Operation.REPLACE_MEMBER,
    Operation.REMEDIATE,
    Operation.DELETE,
]
"""The operations that can plan and do nothing."""
_OWN = {"cluster", "plan_only"}
_READ = (DagAccessEntity.RUN, DagAccessEntity.TASK_INSTANCE, DagAccessEntity.XCOM)
_STATES = {"queued": "waiting", "running": "working", "success": "planned"}


class PlanRequest(BaseModel):
    """What is to be planned."""

    operation: Planned = Operation.APPLY
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="Params of the operation's DAG, such as `spec` or `version`, but for `cluster` and `plan_only`.",
    )


def give_plan(name: Visible, request: PlanRequest, user: User, store: TheStore, runs: TheStarter) -> dict[str, str]:
    """Have a plan made; 403 if whoever is logged in might not do what it is of, 404 if the cluster is not for them."""
    operation = Operation(request.operation)
    if given := sorted(_OWN & request.params.keys()):
        raise HTTPException(400, f"params: {' and '.join(given)}: the path names the cluster, and this only plans")
    if why := _why_not(name, operation, user, store) or _why_not_spec(name, request.params.get("spec"), user, store):
        raise HTTPException(403, why)
    run_id = f"plan-{uuid.uuid4().hex[:12]}"
    runs.start(operation, run_id, {**request.params, "cluster": name, "plan_only": True}, user.get_name())
    return {"operation": operation, "run": run_id}


def read_plan(name: Visible, operation: Planned, run: str, user: User, runs: TheClusterRuns) -> dict[str, Any]:
    """Return how far a plan is, and the plan; 404 if the cluster has no run of that id that only plans."""
    if not _may_read(operation, user):
        raise HTTPException(403, f"Airflow does not let {user.get_name()} read runs of `{operation}` and their results")
    views = [one for one in with_creation(runs, operation, run) if one.cluster == name and one.is_plan]
    if not views or views[0].run_id != run:
        raise HTTPException(404, f"`{name}` has no plan `{run}` of `{operation}`")
    first, *created = views
    views = [first, *(one for one in created if _may_read(one.dag_id, user))]
    return {
        "state": _STATES.get(first.state, "failed"),
        "text": next((one.plan for one in views if one.plan), ""),
        "digest": first.digest,
        "errors": [text for one in views for text in _errors(one)],
    }


def _may_read(dag_id: str, user: Any) -> bool:
    return all(airflow_lets_read(dag_id, one, user) for one in _READ)


def _errors(view: RunView) -> list[str]:
    return [f"{step.task_id}: {step.error}" for step in view.tasks if step.error]


def _why_not(cluster: str, operation: Operation, user: Any, store: Store) -> str:
    """Return why a user may not have a plan made; empty if they may do what it is of."""
    if why := why_unchecked(store):
        return why
    if not airflow_lets_run(operation, user):
        return f"Airflow does not let {user.get_name()} run `{operation}`"
    return why_not(store, cluster, person_of(user), right_to_run(operation))


def _why_not_spec(cluster: str, spec: Any, user: Any, store: Store) -> str:
    """Return why a user may not give this spec; 400 if it is none, or has secrets in clear, which a run would keep."""
    if not isinstance(spec, str) or not spec:
        return ""
    try:
        refuse_plain_secrets(load_cluster(spec, "spec"), "spec")
    except SpecError as error:
        raise HTTPException(400, str(error)) from error
    person = person_of(user)
    return next(
        filter(None, (why_not_give(store, cluster, person, one) for one in rights_in(store, cluster, spec))), ""
    )
