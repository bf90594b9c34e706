"""The FastAPI application below /windlass in Airflow's API server."""

from __future__ import annotations

import logging
import mimetypes
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from windlass.airflow.services import airflow_services
from windlass.domain.catalog import Catalog
from windlass.domain.sealing import MasterKeys
from windlass.domain.spec.overview import KnownCluster, bundle_rows, overview
from windlass.effects.store import Store, list_clusters
from windlass.errors import UNREADABLE, UnreachableError, WindlassError
from windlass.web import command_api, people
from windlass.web.access import User, Visible, may_operate, may_see, reader, unknown
from windlass.web.needs import TheStore
from windlass.web.reading import Filter, read_known, read_log
from windlass.web.words import FILTERS

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'; base-uri 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_MOST = 500


def create_app() -> FastAPI:
    """Return the application; every path of it asks who is there, and whether they may read Windlass's DAGs."""
    # Their own pages would be open to everybody: they are no paths with dependencies.
    app = FastAPI(title="Windlass", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(reader)])
    app.add_exception_handler(WindlassError, _told)
    app.middleware("http")(_with_headers)
    for path, act in (
        ("/api/clusters", list_overviews),
        ("/api/clusters/{name}", one_overview),
        ("/api/clusters/{name}/bundles", list_bundles),
        ("/api/clusters/{name}/log", list_events),
    ):
        app.get(path)(act)
    app.get("/api/clusters/{name}/access")(people.cluster_access)
    app.post("/api/clusters/{name}/credential")(people.issue_credential)
    app.post("/api/commands")(command_api.give_command)
    app.get("/api/commands/{run}")(command_api.read_answer)
    app.post("/api/clusters/{name}/commands")(command_api.give_cluster_command)
    app.get("/api/clusters/{name}/commands/{run}")(command_api.read_cluster_answer)
    app.get("/", response_class=HTMLResponse)(clusters_page)
    app.get("/cluster/{name}", response_class=HTMLResponse)(cluster_page)
    app.get("/static/{name}")(static_file)
    return app


async def _with_headers(request: Request, call_next: Callable[[Request], Any]) -> Response:
    response: Response = await call_next(request)
    for key, value in _HEADERS.items():
        response.headers.setdefault(key, value)
    return response


async def _told(_: Request, error: Exception) -> JSONResponse:
    """Tell what went wrong with the store rather than that something did."""
    return JSONResponse({"detail": str(error)}, status_code=502 if isinstance(error, UnreachableError) else 500)


def keys() -> MasterKeys | None:
    """Return the master keys; None where this API server has none, and what they would check stays unknown."""
    try:
        return airflow_services().keys
    except WindlassError as error:
        log.info("drills are shown as far as the store checks them: %s", error)
        return None


@lru_cache(maxsize=1)
def catalog() -> Catalog:
    """Return every release that Windlass knows."""
    return airflow_services().catalog


TheKeys = Annotated[MasterKeys | None, Depends(keys)]
TheCatalog = Annotated[Catalog, Depends(catalog)]


def list_overviews(user: User, store: TheStore, keys: TheKeys, catalog: TheCatalog) -> list[dict[str, Any]]:
    """Return every cluster that the user may see at a glance; one that cannot be read is told as such, hiding none."""
    found = []
    for name in list_clusters(store):
        try:
            if not may_see(store, name, user):
                continue
            known = read_known(store, name, keys)
            found += [overview(known, catalog, datetime.now(UTC))] if known is not None else []
        except UnreachableError:
            raise
        except UNREADABLE as error:
            log.warning("%s: what the store has of it cannot be shown: %s", name, error)
            found.append({"name": name, "error": str(error)})
    return found


def one_overview(name: Visible, store: TheStore, keys: TheKeys, catalog: TheCatalog) -> dict[str, Any]:
    """Return one cluster at a glance."""
    return overview(_known(name, store, keys), catalog, datetime.now(UTC))


def list_bundles(name: Visible, store: TheStore, keys: TheKeys) -> list[dict[str, Any]]:
    """Return the bundles of a cluster, newest first."""
    return list(bundle_rows(_known(name, store, keys).backups, datetime.now(UTC)))


def list_events(
    name: Visible,
    store: TheStore,
    desired: Annotated[Filter, Depends()],
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
    after: str = "",
) -> list[dict[str, Any]]:
    """Return the newest events of a cluster's service log, or those after one, newest first."""
    return read_log(store, name, desired, limit, after)


def clusters_page(request: Request, user: User, store: TheStore, keys: TheKeys, catalog: TheCatalog) -> str:
    """Show all clusters."""
    return _page(request, "clusters.html", clusters=list_overviews(user, store, keys, catalog))


def cluster_page(
    request: Request, name: Visible, user: User, store: TheStore, keys: TheKeys, catalog: TheCatalog
) -> str:
    """Show one cluster, with its backups and its service log."""
    known, now = _known(name, store, keys), datetime.now(UTC)
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


def _known(name: str, store: Store, keys: MasterKeys | None) -> KnownCluster:
    known = read_known(store, name, keys)
    if known is None:
        raise unknown(name)
    return known


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
