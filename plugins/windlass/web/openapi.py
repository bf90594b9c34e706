"""The description of the API, as OpenAPI 3.1: docs/openapi.json, and what the application serves to who may read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from fastapi import FastAPI
from fastapi.responses import JSONResponse

VERSION = "1"
"""Raised when an answer loses something, or a route goes; what is added does not raise it."""
_TAGS = {
    "clusters": "Clusters at a glance, of those that whoever asks may see.",
    "health": "What the watch has observed.",
    "backups": "Recovery bundles, and whether drills have proven them.",
    "log": "What was done to a cluster, and why.",
    "credential": "How people get into clusters by their login to Airflow.",
    "plans": (
        "What an operation would do to a cluster: a run is started that plans and changes nothing, and then looked at. "
        "It takes the rights of the operation."
    ),
    "commands": (
        "What `windlass` on a laptop has a worker do. The answer is sealed for the key in the request, which no other "
        "can open."
    ),
    "metrics": "For Prometheus.",
}
_ABOUT = (
    "Windlass below an Airflow API server. Every route takes the bearer token of Airflow's `POST /auth/token`, or the "
    "cookie of its UI, and the right to read the DAG `{dag}`; a cluster's spec may say more (`access.roles`). Runs are "
    'started, followed and stopped by Airflow\'s own API. Errors are `{{"detail": …}}`.'
)


_LOGINS: Mapping[str, Mapping[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "What Airflow's `POST /auth/token` gives."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE_NAME_JWT_TOKEN, "description": "That of Airflow's UI."},
}
"""Either will do, on every route."""


def describe(app: FastAPI, dag: str) -> None:
    """Have the application describe itself at /openapi.json, to whoever may read."""
    app.title, app.version, app.description = "Windlass", VERSION, _ABOUT.format(dag=dag)
    app.servers = [{"url": "/windlass", "description": "below the address of Airflow"}]
    app.openapi_tags = [{"name": name, "description": text} for name, text in _TAGS.items()]

    def show_description() -> JSONResponse:
        """Return this description."""
        return JSONResponse(document(app))

    app.get("/openapi.json", include_in_schema=False)(show_description)


def document(app: FastAPI) -> dict[str, Any]:
    """Return the description."""
    made: dict[str, Any] = app.openapi()
    made["components"]["securitySchemes"] = _LOGINS
    for one in (one for methods in made["paths"].values() for one in methods.values()):
        one["security"] = [{name: []} for name in _LOGINS]
    for schema in ("HTTPValidationError", "ValidationError"):
        made["components"]["schemas"].pop(schema, None)  # the framework's own, which ours stands for
    return made


def text(app: FastAPI) -> str:
    """Return the description as docs/openapi.json has it."""
    return json.dumps(document(app), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
