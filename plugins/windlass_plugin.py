"""What Airflow's plugin loader finds of Windlass.

Every process of Airflow imports this file, each task included: it must stay cheap. It is the only one that Airflow may
load from here, as it runs each file that it finds under its bare name, which `.airflowignore` prevents
(https://github.com/apache/airflow/issues/63548). What needs more than the standard
library is imported where it is used.
"""

from __future__ import annotations

from typing import Any, ClassVar

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


class WindlassPlugin(AirflowPlugin):
    """Registers Windlass with Airflow."""

    name = "windlass"
    fastapi_apps = _Apps()  # type: ignore[assignment]  # a list, made when it is asked for
    fastapi_root_middlewares = _Guards()  # type: ignore[assignment]  # likewise
    external_views: ClassVar[list[dict[str, Any]]] = [
        {
            "name": "Clusters",
            "href": "/windlass/",
            "destination": "nav",
            "url_route": "windlass",
            "icon": "/windlass/static/windlass.svg",
            "icon_dark_mode": "/windlass/static/windlass-dark.svg",
        }
    ]
