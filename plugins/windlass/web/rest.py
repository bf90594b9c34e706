"""The routes of the API, each with who may, what it answers, and the errors that it gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from windlass.domain.sealing import MasterKeys
from windlass.domain.spec.overview import KnownCluster, bundle_rows, overview
from windlass.effects.store import Store
from windlass.effects.store.read_cluster import read_known
from windlass.web import command_api, people, plan_api, spec_api
from windlass.web import rest_models as models
from windlass.web.access import User, Visible, unknown
from windlass.web.cluster_list import Wanted, shown_values, view, visible_clusters
from windlass.web.needs import TheCatalog, TheKeys, TheStore
from windlass.web.prometheus import show_metrics
from windlass.web.reading import Filter, read_log

_MOST = 500
_HEALTH = ("name", "standing", "observed", "services", "hosts", "addons", "findings", "alerts")
_WHY: Mapping[int, str] = {
    400: "The command or the params are none that this Windlass knows, or not of their form.",
    401: "Nobody is logged in: send the token of `POST /auth/token` as a bearer.",
    403: "Whoever is logged in may not; the reason names the right and who gives it.",
    404: "There is no such thing, or it is not for whoever asks: both are answered alike.",
    409: "Airflow cannot start the run now: its DAG is paused, or not there.",
    429: "Too many of them at once; wait for one, or as long as `Retry-After` says.",
    502: "The store does not answer.",
}
_ALWAYS = (401, 403, 502)


@dataclass(frozen=True)
class Route:
    """One route of the API."""

    method: str
    path: str
    act: Callable[..., Any]
    tag: str
    summary: str
    answers: Any
    """The type of its answer."""
    errors: tuple[int, ...] = ()
    """Besides those that each route gives."""


def list_clusters(
    user: User, store: TheStore, keys: TheKeys, catalog: TheCatalog, wanted: Annotated[Wanted, Depends()]
) -> Response:
    """Return every cluster that the user may see at a glance; one that cannot be read is told as such, hiding none."""
    now = datetime.now(UTC)
    found = view(visible_clusters(store, user, keys), wanted, now)
    # Plain values already: to have FastAPI look through those of a thousand clusters takes it seconds.
    return Response(json.dumps(shown_values(found, catalog, now)), media_type="application/json")


def read_cluster(name: Visible, store: TheStore, keys: TheKeys, catalog: TheCatalog) -> dict[str, Any]:
    """Return one cluster at a glance."""
    return overview(known_cluster(name, store, keys), catalog, datetime.now(UTC))


def read_health(name: Visible, store: TheStore, keys: TheKeys, catalog: TheCatalog) -> dict[str, Any]:
    """Return how a cluster is: host by host, component by component, with what was found and what needs somebody."""
    found = overview(known_cluster(name, store, keys), catalog, datetime.now(UTC))
    return {part: found[part] for part in _HEALTH}


def list_bundles(name: Visible, store: TheStore, keys: TheKeys) -> list[dict[str, Any]]:
    """Return the bundles of a cluster, newest first."""
    return list(bundle_rows(known_cluster(name, store, keys).backups, datetime.now(UTC)))


def list_events(
    name: Visible,
    store: TheStore,
    desired: Annotated[Filter, Depends()],
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
    after: Annotated[str, Query(max_length=500, description="the `name` of an entry")] = "",
) -> list[dict[str, Any]]:
    """Return the newest events of a cluster's service log, or those after one, newest first."""
    return read_log(store, name, desired, limit, after)


ROUTES = (
    Route(
        "GET", "/api/clusters", list_clusters, "clusters", "List clusters",
        list[models.ClusterGlance | models.UnreadableCluster],
    ),
    Route("GET", "/api/clusters/{name}", read_cluster, "clusters", "Show a cluster", models.ClusterGlance, (404,)),
    Route(
        "GET", "/api/clusters/{name}/health", read_health, "health", "Show how a cluster is", models.HealthAnswer,
        (404,),
    ),
    Route(
        "GET", "/api/clusters/{name}/bundles", list_bundles, "backups", "List the bundles of a cluster",
        list[models.BundleLine], (404,),
    ),
    Route(
        "GET", "/api/clusters/{name}/log", list_events, "log", "Read the service log of a cluster",
        list[models.LogEntry], (404,),
    ),
    Route(
        "GET", "/api/clusters/{name}/access", people.cluster_access, "credential", "Show where its API servers are",
        models.ClusterAccess, (404,),
    ),
    Route(
        "POST", "/api/clusters/{name}/credential", people.issue_credential, "credential",
        "Get a certificate for oneself", models.CertificateAnswer, (404, 429),
    ),
    Route(
        "POST", "/api/clusters/{name}/commands", command_api.give_cluster_command, "commands",
        "Give a command about a cluster", models.GivenCommand, (400, 404, 409, 429),
    ),
    Route(
        "GET", "/api/clusters/{name}/commands/{run}", command_api.read_cluster_answer, "commands",
        "Read what a command about a cluster came to", models.CommandState, (404,),
    ),
    Route(
        "POST", "/api/clusters/{name}/plans", plan_api.give_plan, "plans", "Have an operation planned",
        models.GivenPlan, (400, 404, 409),
    ),
    Route(
        "GET", "/api/clusters/{name}/plans/{operation}/{run}", plan_api.read_plan, "plans", "Show a plan",
        models.PlanState, (404,),
    ),
    Route(
        "POST", "/api/spec/check", spec_api.check_spec, "clusters", "Check a spec, as `windlass spec validate` does",
        models.CheckedSpecAnswer,
    ),
    Route(
        "POST", "/api/commands", command_api.give_command, "commands", "Give a command about the installation",
        models.GivenCommand, (400, 409, 429),
    ),
    Route(
        "GET", "/api/commands/{run}", command_api.read_answer, "commands",
        "Read what a command about the installation came to", models.CommandState, (404,),
    ),
)  # fmt: skip


def api_router() -> APIRouter:
    """Return all routes of the API; whoever includes it sees to it that each asks who is there."""
    router = APIRouter()
    for one in ROUTES:
        router.add_api_route(
            one.path,
            one.act,
            methods=[one.method],
            tags=[one.tag],
            summary=one.summary,
            operation_id=one.act.__name__,
            # Described and not applied: what the store has is answered, whatever its form.
            response_model=None,
            responses={200: {"model": one.answers}, **failures(*one.errors)},
        )
    router.add_api_route(
        "/metrics",
        show_metrics,
        tags=["metrics"],
        summary="Metrics for Prometheus",
        operation_id="show_metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **failures()},
    )
    return router


def failures(*errors: int) -> dict[int | str, dict[str, Any]]:
    """Return how the errors of a route are described."""
    told: dict[int | str, dict[str, Any]] = {
        status: {"model": models.Failure, "description": _WHY[status]} for status in sorted({*_ALWAYS, *errors})
    }
    wrong = {"model": models.WrongRequest, "description": "A part of the request is not of its form."}
    return {**told, 422: wrong}


def known_cluster(name: str, store: Store, keys: MasterKeys | None) -> KnownCluster:
    """Return what the store knows of a cluster; 404 if that is nothing."""
    known = read_known(store, name, keys)
    if known is None:
        raise unknown(name)
    return known
