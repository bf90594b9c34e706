"""Asks, of each request to Airflow's API that steers or reads a run of Windlass, whether its cluster lets the user.

What an answer lists of clusters that the user may not see is left out of it.

Airflow's own permissions are about DAGs, which all clusters share, so that it alone cannot tell. It goes before
Airflow's application, which asks for its own permissions after it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any

from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from airflow.configuration import conf
from airflow.models.asset import AssetModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from fastapi import HTTPException
from fastapi.responses import JSONResponse
from sqlalchemy import select, tuple_
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from windlass.airflow.connections import open_store as the_store
from windlass.domain.spec.rights import SEE, Person
from windlass.effects.store import Store
from windlass.errors import SpecError, UnreachableError, WindlassError
from windlass.operations.rights import rights_in, why_not, why_not_everywhere, why_not_give
from windlass.web.access import person_of
from windlass.web.held_answer import HeldAnswer, Message, Receive, Send, uncompressed
from windlass.web.origin import READING, why_foreign
from windlass.web.requests import OUR_ASSETS, Demand, demand_of, view_of, why_forbidden
from windlass.web.run_lists import (
    HiddenError,
    Mention,
    documents_in,
    gives_runs,
    mentions_in,
    nothing_instead,
    without,
    written,
)

log = logging.getLogger(__name__)

App = Callable[[Message, Receive, Send], Awaitable[None]]
Run = tuple[str, str]
"""DAG and run id."""
_LARGEST = 4 * 1024 * 1024
"""Bytes of a request: a spec is at most one MiB, which JSON may write in more."""


class AirflowRecords:
    """What Airflow's database knows of the runs and assets that requests name."""

    def clusters_of_runs(self, runs: Collection[Run]) -> dict[Run, str | None]:
        """Return the cluster that each run is about, as `RunContext.of` finds it, or None; without those not there."""
        with create_session() as session:
            asked = select(DagRun.dag_id, DagRun.run_id, DagRun.conf, DagRun.partition_key)
            found = session.execute(asked.where(tuple_(DagRun.dag_id, DagRun.run_id).in_(runs))).all()
        return {(one.dag_id, one.run_id): _cluster_of(one.conf, one.partition_key) for one in found}

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
        app = self._listed if scope["type"] == "http" and gives_runs(scope["path"]) else self.app
        if scope["type"] != "http" or not _concerns(scope["path"]):
            await app(scope, receive, send)
            return
        is_reading = scope["method"] in READING
        view = view_of(scope["path"]) if is_reading else None
        if is_reading and view is None:
            await app(scope, receive, send)
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
        await app(scope, _replayed(body or b"", receive), send)

    async def _listed(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer as Airflow does, without what is about clusters that the user may not see."""
        held = HeldAnswer(send)
        await self.app(uncompressed(scope), receive, held)
        try:
            left, why = await self._left(scope, held)
        except HTTPException as error:
            left, why = None, str(error.detail)
        if why:
            await _answer(403, why)(scope, receive, send)
        else:
            await held.release(left)

    async def _left(self, scope: Message, held: HeldAnswer) -> tuple[bytes | None, str]:
        """Return what is left of an answer, None if that is all of it; or why it is not for who asks."""
        try:
            documents = documents_in(held.body, is_lines=held.is_lines) if held.is_held else []
            mentions = set(mentions_in(documents))
        except (ValueError, RecursionError):
            return None, "what this would list cannot be read here, so that nobody can tell whether you may see it"
        if not mentions:
            return None, ""
        person = person_of(await _user_of(Request(scope)))
        whys = await run_in_threadpool(self._why_hidden, mentions, person)
        if not whys:
            return None, ""
        try:
            left = [without(documents[0], whys)] if not held.is_lines else without(documents, whys)
            return written(left), ""
        except HiddenError:
            instead = nothing_instead(scope["path"])
            return instead, "" if instead else next(iter(whys.values()))

    async def _refusal(self, scope: Message, body: bytes, user: Any) -> str:
        if forbidden := why_forbidden(scope["path"]):
            return forbidden
        demand = demand_of(scope["method"], scope["path"], _parsed(body))
        if demand is None:
            return ""
        headers = {key.lower(): value for key, value in Request(scope).headers.items()}
        foreign = why_foreign(scope["method"], headers, conf.get("api", "base_url", fallback=""))
        return foreign or await run_in_threadpool(self._why_not, demand, person_of(user))

    def _why_not(self, demand: Demand, person: Person) -> str:
        return self._whys([demand], person)[0]

    def _whys(self, demands: Sequence[Demand], person: Person) -> list[str]:
        """Return why each is refused; empty where it is not."""
        try:
            store = self.open_store()
        except SpecError as error:  # it has no login: then its pages show nothing either, and tasks judge by name
            log.warning("what clusters say of who may do what is not known here: %s", error)
            return [""] * len(demands)
        except WindlassError as error:
            return [_untold(person, demand, error) for demand in demands]
        return [self._why(store, demand, person) for demand in demands]

    def _why(self, store: Store, demand: Demand, person: Person) -> str:
        try:
            return self._judged(store, demand, person)
        except WindlassError as error:
            return _untold(person, demand, error)

    def _why_hidden(self, mentions: Iterable[Mention], person: Person) -> dict[Mention, str]:
        """Return which parts of an answer are not for a person, with the reason."""
        runs = self.known.clusters_of_runs([one.run for one in mentions if one.run])
        clusters = {one: one.cluster if one.run is None else runs.get(one.run) for one in mentions}
        asked = list(set(clusters.values()))
        whys = dict(zip(asked, self._whys([Demand((SEE,), cluster=one) for one in asked], person), strict=True))
        return {one: whys[cluster] for one, cluster in clusters.items() if whys[cluster]}

    def _judged(self, store: Store, demand: Demand, person: Person) -> str:
        cluster = demand.cluster
        if demand.asset is not None and not (self.known.asset(demand.asset) or OUR_ASSETS).startswith(OUR_ASSETS):
            return ""
        if demand.run is not None:
            cluster = self.known.clusters_of_runs([demand.run]).get(demand.run)
        if cluster is None:
            refusals = [why_not_everywhere(store, person, right) for right in demand.rights]
        else:
            refusals = [why_not(store, cluster, person, right) for right in demand.rights]
            given = rights_in(store, cluster, demand.spec) if demand.spec else ()
            refusals += [why_not_give(store, cluster, person, right) for right in given]
        return next(filter(None, refusals), "")


def _cluster_of(conf: Any, partition: str | None) -> str | None:
    named = (conf or {}).get("cluster") or partition
    return named if isinstance(named, str) else None


def _untold(person: Person, demand: Demand, error: WindlassError) -> str:
    if demand.rights == (SEE,) and isinstance(error, UnreachableError | SpecError):
        # Logs tell of a store that does not answer, or of a key that is missing: then they are for whom Airflow lets.
        log.warning("whether the cluster lets %s see this run cannot be told now: %s", person.name, error)
        return ""
    return f"whether the cluster lets {person.name} do this cannot be told now: {error}"


def _concerns(path: str) -> bool:
    return "/api/v2/dags" in path or "/ui/dags" in path or "/api/v2/assets/" in path


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
