"""Airflow's own API server with Windlass's pages in it, in process, for tests of who may do what over it.

Airflow is imported when it is asked for: this file is loaded before Airflow's own warnings are let pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fastapi.testclient import TestClient


@pytest.fixture(scope="module")
def pages() -> Any:
    from windlass.web.app import create_app  # noqa: PLC0415 - see above

    return create_app()


@pytest.fixture(scope="module")
def server(pages: Any) -> Iterator[TestClient]:
    from airflow.api_fastapi.app import create_app  # noqa: PLC0415 - see above
    from airflow.models.base import Base  # noqa: PLC0415 - see above
    from fastapi.testclient import TestClient  # noqa: PLC0415 - see above

    from airflow import settings  # noqa: PLC0415 - see above

    # The one table that Airflow asks about a login.
    Base.metadata.create_all(settings.engine, tables=[Base.metadata.tables["revoked_token"]])
    app = create_app(apps="core")
    app.mount("/windlass", pages)
    app.router.routes.insert(0, app.router.routes.pop())
    with TestClient(app, raise_server_exceptions=True) as client:
        yield client
