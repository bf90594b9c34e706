"""The FastAPI application below /windlass in Airflow's API server."""

from __future__ import annotations

import logging
import mimetypes
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from airflow.configuration import conf
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from windlass.errors import UnreachableError, WindlassError
from windlass.operation_names import Operation
from windlass.web import cluster_pages, spec_api
from windlass.web.access import DAG, User, airflow_lets_run, reader
from windlass.web.cluster_list import MOST_SHOWN, Wanted, shown_values, view, visible_clusters
from windlass.web.long_lived import spare_long_lived
from windlass.web.needs import TheCatalog, TheKeys, TheStore
from windlass.web.openapi import describe
from windlass.web.origin import why_foreign
from windlass.web.pages import HERE, render
from windlass.web.rest import api_router

log = logging.getLogger(__name__)

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'; base-uri 'self'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create_app() -> FastAPI:
    """Return the application; every path of it asks who is there, and whether they may read Windlass's DAGs."""
    # Their own pages would be open to everybody: they are no paths with dependencies.
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(reader)])
    app.add_exception_handler(WindlassError, _told)
    app.middleware("http")(_refusing_other_sites)
    app.middleware("http")(_with_headers)
    app.include_router(api_router())
    describe(app, DAG)
    app.post("/api/spec/fill", include_in_schema=False)(spec_api.fill_spec)
    app.post("/api/spec/preview", include_in_schema=False)(spec_api.preview_spec)
    for path, page in (
        ("/", clusters_page),
        ("/deploy", cluster_pages.deploy_page),
        ("/cluster/{name}", cluster_pages.cluster_page),
        ("/cluster/{name}/change", cluster_pages.change_page),
        ("/cluster/{name}/do/{operation}", cluster_pages.action_page),
        ("/cluster/{name}/run/{dag}/{run:path}", cluster_pages.run_part),
    ):
        app.get(path, response_class=HTMLResponse, include_in_schema=False)(page)
    app.get("/static/{name}", include_in_schema=False)(static_file)
    return app


async def _with_headers(request: Request, call_next: Callable[[Request], Any]) -> Response:
    response: Response = await call_next(request)
    if response.status_code == HTTPStatus.OK:
        spare_long_lived()  # what makes answers is loaded by now
    for key, value in _HEADERS.items():
        response.headers.setdefault(key, value)
    return response


async def _refusing_other_sites(request: Request, call_next: Callable[[Request], Any]) -> Response:
    headers = {key.lower(): value for key, value in request.headers.items()}
    if why := why_foreign(request.method, headers, conf.get("api", "base_url", fallback="")):
        return JSONResponse({"detail": why}, status_code=403)
    answer: Response = await call_next(request)
    return answer


async def _told(_: Request, error: Exception) -> JSONResponse:
    """Tell what went wrong with the store rather than that something did."""
    return JSONResponse({"detail": str(error)}, status_code=502 if isinstance(error, UnreachableError) else 500)


def clusters_page(
    request: Request,
    user: User,
    store: TheStore,
    keys: TheKeys,
    catalog: TheCatalog,
    wanted: Annotated[Wanted, Depends()],
) -> str:
    """Show clusters: those that are asked for, what needs somebody first, so many that a page can be read."""
    now, few = datetime.now(UTC), replace(wanted, limit=min(wanted.limit or MOST_SHOWN, MOST_SHOWN))
    found = view(visible_clusters(store, user, keys), few, now)
    return render(
        request,
        "clusters.html",
        clusters=shown_values(found, catalog, now),
        view=found,
        wanted=few,
        may_deploy=airflow_lets_run(Operation.APPLY, user),
    )


def static_file(name: str) -> Response:
    """Return one of the pages' own files."""
    files = {path.name: path for path in (HERE / "static").iterdir()}
    if name not in files:
        raise HTTPException(404, f"there is no file `{name}`")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(files[name].read_bytes(), media_type=kind, headers={"Cache-Control": "max-age=300"})
