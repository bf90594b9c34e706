"""The FastAPI application below /windlass in Airflow's API server."""

from __future__ import annotations

import logging
import mimetypes
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from windlass.domain.spec.overview import bundle_rows, overview
from windlass.errors import UnreachableError, WindlassError
from windlass.web.access import DAG, User, Visible, may_operate, reader
from windlass.web.cluster_list import MOST_SHOWN, Wanted, shown_values, view, visible_clusters
from windlass.web.needs import TheCatalog, TheKeys, TheStore
from windlass.web.openapi import describe
from windlass.web.reading import Filter, read_log
from windlass.web.rest import api_router, known_cluster
from windlass.web.words import FILTERS

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'; base-uri 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create_app() -> FastAPI:
    """Return the application; every path of it asks who is there, and whether they may read Windlass's DAGs."""
    # Their own pages would be open to everybody: they are no paths with dependencies.
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(reader)])
    app.add_exception_handler(WindlassError, _told)
    app.middleware("http")(_with_headers)
    app.include_router(api_router())
    describe(app, DAG)
    app.get("/", response_class=HTMLResponse, include_in_schema=False)(clusters_page)
    app.get("/cluster/{name}", response_class=HTMLResponse, include_in_schema=False)(cluster_page)
    app.get("/static/{name}", include_in_schema=False)(static_file)
    return app


async def _with_headers(request: Request, call_next: Callable[[Request], Any]) -> Response:
    response: Response = await call_next(request)
    for key, value in _HEADERS.items():
        response.headers.setdefault(key, value)
    return response


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
    return _page(request, "clusters.html", clusters=shown_values(found, catalog, now), view=found, wanted=few)


def cluster_page(
    request: Request, name: Visible, user: User, store: TheStore, keys: TheKeys, catalog: TheCatalog
) -> str:
    """Show one cluster, with its backups and its service log."""
    known, now = known_cluster(name, store, keys), datetime.now(UTC)
    return _page(
        request,
        "cluster.html",
        cluster=overview(known, catalog, now),
        bundles=bundle_rows(known.backups, now),
        events=read_log(store, name, Filter(), 100),
        may_operate=may_operate(store, name, user),
    )


def static_file(name: str) -> Response:
    """Return one of the pages' own files."""
    files = {path.name: path for path in (HERE / "static").iterdir()}
    if name not in files:
        raise HTTPException(404, f"there is no file `{name}`")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(files[name].read_bytes(), media_type=kind, headers={"Cache-Control": "max-age=300"})


def _page(request: Request, template: str, **values: Any) -> str:
    # The API server may itself lie below a path: links are relative to where this application is.
    base = request.scope.get("root_path", "").rstrip("/")
    return _templates().get_template(template).render(base=base, now=datetime.now(UTC), **values)


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= FILTERS
    return environment
