"""Airflow's API server with Windlass's pages in it, on loopback, over the clusters of an S3 server.

Run as a process of its own: `python -m bench.pages_server PORT S3_PORT`, with a master key on its standard input and
AIRFLOW_HOME naming a new directory. It prints the token of somebody who may see everything, and serves until its
standard input ends.
"""

from __future__ import annotations

import sys
import threading

import uvicorn
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.base import Base

from airflow import settings
from bench.local_servers import store_at
from windlass.domain.sealing import MasterKeys
from windlass.effects.store import AuthenticatedStore
from windlass.web import app as pages
from windlass.web import needs


def serve(port: int, s3_port: int, master_key: str) -> None:
    """Serve until the standard input ends."""
    keys = MasterKeys.parse(master_key)
    own = pages.create_app()
    own.dependency_overrides |= {
        needs.store: lambda: AuthenticatedStore.by(store_at(s3_port), keys),
        needs.keys: lambda: keys,
    }
    # The one table that Airflow asks about a login.
    Base.metadata.create_all(settings.engine, tables=[Base.metadata.tables["revoked_token"]])
    app = create_app(apps="core")
    app.mount("/windlass", own)
    app.router.routes.insert(0, app.router.routes.pop())
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    threading.Thread(target=_stop_with_input, args=(server,), daemon=True).start()
    print(get_auth_manager().generate_jwt(user=SimpleAuthManagerUser(username="bench", role="admin")), flush=True)
    server.run()


def _stop_with_input(server: uvicorn.Server) -> None:
    sys.stdin.read()
    server.should_exit = True


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), sys.stdin.readline())
