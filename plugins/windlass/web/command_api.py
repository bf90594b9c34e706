"""Commands of `windlass` that are given elsewhere: who may give which is judged here, and a worker runs them.

This process needs no master key: it starts a run for whoever is logged in, and hands the sealed answer to nobody else.
"""

from __future__ import annotations

import uuid
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import (
    ConnectionDetails,
    DagAccessEntity,
    DagDetails,
)
from fastapi import HTTPException
from pydantic import BaseModel, Field

from windlass.domain.remote import Arguments, Command, check_public, needs_of, read_arguments
from windlass.domain.remote.command_needs import is_about_cluster
from windlass.domain.sealing import MASTER_KEY_CONNECTION
from windlass.domain.spec import load_cluster
from windlass.domain.spec.access import Right
from windlass.domain.spec.plain_secrets import refuse_plain_secrets
from windlass.domain.spec.rights import APPROVE, DELETE, OPERATE, SEE
from windlass.effects.store import Store
from windlass.errors import SpecError
from windlass.operation_names import Operation
from windlass.operations.rights import why_not, why_not_everywhere
from windlass.web.access import User, Visible, person_of, why_unchecked
from windlass.web.command_runs import CommandRun, TheRuns
from windlass.web.login import CurrentLogin
from windlass.web.needs import TheStore


class CommandRequest(BaseModel):
    """What `windlass` sends: a command, and the key for which the answer is to be sealed."""

    command: str = Field(max_length=64)
    arguments: dict[str, Any] = Field(default_factory=dict)
    key: str = Field(max_length=64)


def give_cluster_command(
    name: Visible, request: CommandRequest, _: CurrentLogin, user: User, store: TheStore, runs: TheRuns
) -> dict[str, str]:
    """Start a command about one cluster; 403 if whoever is logged in may not, 404 if the cluster is not for them."""
    return _give(name, request, user, store, runs)


def give_command(
    request: CommandRequest, _: CurrentLogin, user: User, store: TheStore, runs: TheRuns
) -> dict[str, str]:
    """Start a command about the whole installation; 403 if whoever is logged in may not."""
    return _give("", request, user, store, runs)


def read_cluster_answer(name: Visible, run: str, user: User, runs: TheRuns) -> dict[str, str]:
    """Return how far a command is, and the sealed answer; 404 for all but who gave it."""
    return _read(name, run, user, runs)


def read_answer(run: str, user: User, runs: TheRuns) -> dict[str, str]:
    """Return the same of a command about the whole installation."""
    return _read("", run, user, runs)


def _give(cluster: str, request: CommandRequest, user: Any, store: Store, runs: TheRuns) -> dict[str, str]:
    command, given = _parsed(cluster, request)
    if why := _why_not(cluster, command, given, user, store):
        raise HTTPException(403, why)
    run_id = f"{command.replace(' ', '-')}-{uuid.uuid4().hex[:12]}"
    conf = {"cluster": cluster or None, **request.model_dump()}
    runs.start(run_id, conf, user.get_name())
    return {"run": run_id}


def _read(cluster: str, run: str, user: Any, runs: TheRuns) -> dict[str, str]:
    found: CommandRun | None = runs.find(run)
    if found is None or (found.person, found.cluster) != (user.get_name(), cluster):
        raise HTTPException(404, f"you have given no command here whose run is `{run}`")
    return {"state": found.state, "answer": found.answer}


def _parsed(cluster: str, request: CommandRequest) -> tuple[Command, Arguments]:
    """Return the command; 400 if it is none, or not of this form. What is refused here Airflow never keeps."""
    try:
        command = Command(request.command)
    except ValueError:
        raise HTTPException(
            400, f"the Windlass in Airflow knows no command `{request.command}`; is it as new as yours?"
        ) from None
    if is_about_cluster(command) != bool(cluster):
        raise HTTPException(400, f"`windlass {command}` is about {'no one' if cluster else 'one'} cluster")
    try:
        given = read_arguments(command, request.arguments)
        check_public(request.key)
        _refuse_secrets(given)
    except SpecError as error:
        raise HTTPException(400, str(error)) from error
    return command, given


def _refuse_secrets(given: Arguments) -> None:
    """SpecError if a spec among the arguments has secrets in clear: a run keeps it for all who may see the run."""
    for text in (getattr(given, "spec", None), getattr(given, "write", None)):
        if text:
            refuse_plain_secrets(load_cluster(text, "spec"), "spec")


def _why_not(cluster: str, command: Command, given: Arguments, user: Any, store: Store) -> str:
    """Return why a user may not give a command: by Airflow, which all clusters share, and by the cluster's spec."""
    needs = needs_of(command, given)
    if needs.rights not in {(), (SEE,)} and (why := why_unchecked(store)):
        return f"`windlass {command}`: {why}"
    if needs.is_for_keepers and not _is_keeper(user):
        return (
            f"`windlass {command}` is for those who may change the connection `{MASTER_KEY_CONNECTION}` in Airflow, "
            f"and {user.get_name()} may not"
        )
    for right in needs.rights:
        if not _airflow_lets(right, user):
            return f"`windlass {command}`: Airflow does not let {user.get_name()} {right} any cluster"
        who = person_of(user)
        if why := why_not(store, cluster, who, right) if cluster else why_not_everywhere(store, who, right):
            return f"`windlass {command}`: {why}"
    return ""


def _is_keeper(user: Any) -> bool:
    """Tell whether Airflow trusts a user with all keys: who may change that connection can give Windlass others."""
    return get_auth_manager().is_authorized_connection(
        method="PUT", details=ConnectionDetails(conn_id=MASTER_KEY_CONNECTION), user=user
    )


def _airflow_lets(right: Right, user: Any) -> bool:
    """Tell whether Airflow lets a user do to some cluster what the right is for; that they may see is asked always."""
    asked: dict[Right, tuple[Any, DagAccessEntity, Operation]] = {
        OPERATE: ("POST", DagAccessEntity.RUN, Operation.REMEDIATE),
        APPROVE: ("PUT", DagAccessEntity.HITL_DETAIL, Operation.APPLY),
        DELETE: ("POST", DagAccessEntity.RUN, Operation.DELETE),
    }
    if right not in asked:
        return True
    method, entity, dag = asked[right]
    return get_auth_manager().is_authorized_dag(
        method=method, access_entity=entity, details=DagDetails(id=dag), user=user
    )
