"""Asks, of each request to Airflow's API that steers or reads a run of Windlass, whether its cluster lets the user.

Airflow's own permissions are about DAGs, which all clusters share, so that it alone cannot tell. It goes before
Airflow's application, which asks for its own permissions after it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from airflow.models.asset import AssetModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from fastapi import HTTPException
from fastapi.responses import JSONResponse
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from windlass.airflow.connections import open_store as the_store
from windlass.domain.spec.rights import SEE, Person
from windlass.effects.store import Store
from windlass.errors import SpecError, UnreachableError, WindlassError
from windlass.operations.rights import why_not, why_not_everywhere
from windlass.web.access import person_of
from windlass.web.requests import Demand, demand_of, view_of, why_forbidden

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
_OUR_ASSETS = "windlass_"
_READING = {"GET", "HEAD", "OPTIONS"}
_LARGEST = 4 * 1024 * 1024
"""Bytes of a request: a spec is at most one MiB, which JSON may write in more."""


class AirflowRecords:
    """What Airflow's database knows of the runs and assets that requests name."""

    def cluster_of_run(self, dag_id: str, run_id: str) -> str | None:
        """Return the cluster that a run is about, as `RunContext.of` finds it; None if there is none such."""
        with create_session() as session:
            asked = select(DagRun.conf, DagRun.partition_key).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
            found = session.execute(asked).one_or_none()
        if found is None:
            return None
        named: str | None = (found.conf or {}).get("cluster") or found.partition_key
        return named

    def asset(self, asset: int) -> str | None:
        """Return the name of an asset; None if there is none such."""
        with create_session() as session:
            return session.scalar(select(AssetModel.name).where(AssetModel.id == asset))


class ClusterGuard:
    """The middleware; `open_store` gives the store that says who may do what, `known` what Airflow's database does."""

    def __init__(
        self,
        app: App,
        open_store: Callable[[], Store] = the_store,
        known: AirflowRecords | None = None,
    ) -> None:
        self.app, self.open_store, self.known = app, open_store, known or AirflowRecords()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer 403 with the reason."""
        if scope["type"] != "http" or not _concerns(scope["path"]):
            await self.app(scope, receive, send)
            return
        is_reading = scope["method"] in _READING
        view = view_of(scope["path"]) if is_reading else None
        if is_reading and view is None:
            await self.app(scope, receive, send)
            return
        try:
            user = await _user_of(Request(scope))
        except HTTPException as error:  # as Airflow would answer it
            await _answer(error.status_code, str(error.detail))(scope, receive, send)
            return
        if view is not None:
            refusal = await run_in_threadpool(self._why_not, view, person_of(user))
            await (_answer(403, refusal) if refusal else self.app)(scope, receive, send)
            return
        body = await _body_of(receive)
        refusal = "the request is too large" if body is None else await self._refusal(scope, body, user)
        if refusal:
            await _answer(403, refusal)(scope, receive, send)
            return
        await self.app(scope, _replayed(body or b"", receive), send)

    async def _refusal(self, scope: Message, body: bytes, user: Any) -> str:
        if forbidden := why_forbidden(scope["path"]):
            return forbidden
        demand = demand_of(scope["method"], scope["path"], _parsed(body))
        return "" if demand is None else await run_in_threadpool(self._why_not, demand, person_of(user))

    def _why_not(self, demand: Demand, person: Person) -> str:
        try:
            store = self.open_store()
        except SpecError as error:  # it has no login: then its pages show nothing either, and tasks judge by name
            log.warning("what clusters say of who may do what is not known here: %s", error)
            return ""
        except WindlassError as error:
            return _untold(person, demand, error)
        try:
            return self._judged(store, demand, person)
        except WindlassError as error:
            return _untold(person, demand, error)

    def _judged(self, store: Store, demand: Demand, person: Person) -> str:
        cluster = demand.cluster
        if demand.asset is not None and not (self.known.asset(demand.asset) or _OUR_ASSETS).startswith(_OUR_ASSETS):
            return ""
        if demand.run is not None:
            cluster = self.known.cluster_of_run(*demand.run)
        if cluster is None:
            refusals = (why_not_everywhere(store, person, right) for right in demand.rights)
        else:
            refusals = (why_not(store, cluster, person, right) for right in demand.rights)
        return next(filter(None, refusals), "")


def _untold(person: Person, demand: Demand, error: WindlassError) -> str:
    if demand.rights == (SEE,) and isinstance(error, UnreachableError | SpecError):
        # Logs tell of a store that does not answer, or of a key that is missing: then they are for whom Airflow lets.
        log.warning("whether the cluster lets %s see this run cannot be told now: %s", person.name, error)
        return ""
    return f"whether the cluster lets {person.name} do this cannot be told now: {error}"


def _concerns(path: str) -> bool:
    return "/api/v2/dags" in path or "/api/v2/assets/" in path


async def _user_of(request: Request) -> Any:
    """Return who asks, as Airflow tells it, so that nobody is one user here and another there."""
    return await get_user(request, None, await bearer_scheme(request))


def _answer(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status_code=status)


async def _body_of(receive: Receive) -> bytes | None:
    """Return the whole body; None if it is larger than any that steers a run."""
    body, is_more = b"", True
    while is_more:
        message = await receive()
        body += message.get("body", b"")
        is_more = message["type"] == "http.request" and message.get("more_body", False)
        if len(body) > _LARGEST:
            return None
    return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body once more, and then whatever comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None  # which Airflow refuses
