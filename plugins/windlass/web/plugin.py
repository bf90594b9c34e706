"""What Airflow's plugin loader finds of Windlass, by the entry point `airflow.plugins`.

Every process of Airflow imports this file, each task included: it must stay cheap. What needs more than the standard
library is imported where it is used.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin


class _Apps:
    """The pages and the API; only the API server asks for them, so that no task ever imports FastAPI for them."""

    def __get__(self, instance: object, owner: type) -> list[dict[str, Any]]:
        from windlass.web.app import create_app  # noqa: PLC0415 - see above

        return [{"app": create_app(), "url_prefix": "/windlass", "name": "windlass"}]


class _Guards:
    """What asks clusters who may steer their runs; the API server alone asks for it, too."""

    def __get__(self, instance: object, owner: type) -> list[dict[str, Any]]:
        from windlass.web.guard import ClusterGuard  # noqa: PLC0415 - see above

        return [{"middleware": ClusterGuard, "name": "windlass"}]


def airflow_path() -> str:
    """Return the path below which Airflow is: its UI takes addresses of views as they are."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")


class WindlassPlugin(AirflowPlugin):
    """Registers Windlass with Airflow."""

    name = "windlass"
    fastapi_apps = _Apps()  # a list, made when it is asked for
    fastapi_root_middlewares = _Guards()  # likewise
    external_views: list[dict[str, Any]] = [  # noqa: RUF012 - Airflow's own class declares it so
        {
            "name": "Clusters",
            "href": f"{airflow_path()}/windlass/",
            "destination": "nav",
            "url_route": "windlass",
            "icon": f"{airflow_path()}/windlass/static/windlass.svg",
            "icon_dark_mode": f"{airflow_path()}/windlass/static/windlass-dark.svg",
        }
    ]
