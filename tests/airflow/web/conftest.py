"""Airflow's own API server with Windlass's pages in it, in process, for tests of who may do what over it.

Airflow is imported when it is asked for: this file is loaded before Airflow's own warnings are let pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fastapi.testclient import TestClient


DAGS = Path(__file__).resolve().parents[3] / "dags"


@pytest.fixture(scope="module")
def pages() -> Any:
    from windlass.web.app import create_app  # noqa: PLC0415 - see above

    return create_app()


@pytest.fixture(scope="module")
def all_tables() -> Iterator[None]:
    """Let Airflow's database have all of its tables, as empty as they come, and leave them empty."""
    from airflow.models import import_all_models  # noqa: PLC0415 - see above
    from airflow.models.base import Base  # noqa: PLC0415 - see above

    from airflow import settings  # noqa: PLC0415 - see above

    import_all_models()  # else a table is made before one that it refers to is known
    Base.metadata.create_all(settings.engine)
    yield
    with settings.engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())


@pytest.fixture(scope="module")
def all_dags(all_tables: None) -> None:
    """Let Airflow know every DAG, as its DAG processor would."""
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - see above
    from airflow.models.dagbundle import DagBundleModel  # noqa: PLC0415 - see above
    from airflow.models.serialized_dag import SerializedDagModel  # noqa: PLC0415 - see above
    from airflow.serialization.definitions.dag import SerializedDAG  # noqa: PLC0415 - see above
    from airflow.serialization.serialized_objects import LazyDeserializedDAG  # noqa: PLC0415 - see above
    from airflow.utils.db import synchronize_log_template  # noqa: PLC0415 - see above
    from airflow.utils.session import create_session  # noqa: PLC0415 - see above

    synchronize_log_template()  # each run refers to one
    dags: list[Any] = list(DagBag(str(DAGS), load_op_links=False).dags.values())
    with create_session() as session:
        session.merge(DagBundleModel(name="tests"))
        session.flush()
        SerializedDAG.bulk_write_to_db("tests", None, dags, session=session)
        for dag in dags:
            SerializedDagModel.write_dag(LazyDeserializedDAG.from_dag(dag), "tests", session=session)


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
