"""Which Airflow a command works with: an embedded one by name, another by URL, or what the environment names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeGuard

from windlass.cli.embedded.layout import Home
from windlass.domain.secret import Secret
from windlass.errors import RefusedError, SpecError, UnreachableError

if TYPE_CHECKING:
    from windlass.cli.embedded.client import AirflowClient

URL, USER, PASSWORD = "WINDLASS_AIRFLOW_URL", "WINDLASS_AIRFLOW_USER", "WINDLASS_AIRFLOW_PASSWORD"
TOKEN = "WINDLASS_AIRFLOW_TOKEN"  # noqa: S105 - the name of a setting
CLI_TOKEN = "AIRFLOW_CLI_TOKEN"  # noqa: S105 - likewise
"""Where Airflow's own command finds a token."""
STORE = "AIRFLOW_CONN_WINDLASS_STORE"
"""Where it is set, connections are at hand."""
HELP = f"an embedded Airflow, or the URL of one that you logged in to (default: {URL}, {USER} and {PASSWORD} name one)"


def open_client(name: str | None) -> AirflowClient:
    """Return a client of the embedded Airflow `name`, of the one at that URL, or of the one that the environment names.

    SpecError if none is named, RefusedError if nobody has logged in to it.
    """
    if is_embedded(name):
        return _client_of_embedded(name)
    return _client_of(name or _setting(os.environ, URL), os.environ)


def only_embedded(environment: Mapping[str, str]) -> str | None:
    """Return the embedded Airflow that a command means that names none: the only one that runs here, as after a demo.

    None where the environment says otherwise, or there is none, or more than one.
    """
    if any(environment.get(key) for key in (URL, STORE, "AIRFLOW_HOME")):
        return None
    homes = Home.started()
    if not homes:
        return None
    from windlass.cli.embedded.instance import status

    names = [home.root.name for home in homes if status(home) is not None]
    return names[0] if len(names) == 1 else None


def is_embedded(name: str | None) -> TypeGuard[str]:
    """Tell whether this is the name of an embedded Airflow, and no URL."""
    return bool(name) and "://" not in str(name)


def is_by_airflow(airflow: str | None, environment: Mapping[str, str]) -> bool:
    """Tell whether a command goes by a login to Airflow, rather than by the store's own login and the master key."""
    if airflow:
        return not is_embedded(airflow)
    return bool(environment.get(URL)) and not environment.get(STORE)


def _client_of_embedded(name: str) -> AirflowClient:
    from windlass.cli.embedded import instance
    from windlass.cli.embedded.client import AirflowClient
    from windlass.cli.embedded.secret_files import login

    home = Home.of(name)
    running = instance.status(home)
    if running is None:
        raise UnreachableError(f"the embedded Airflow {name} does not run; start it: `windlass airflow up`")
    return AirflowClient(running.url, *login(home))


def _client_of(url: str, environment: Mapping[str, str]) -> AirflowClient:
    from windlass.cli.embedded.client import AirflowClient
    from windlass.cli.user_cache import kept_token

    # What the environment has is for the Airflow that it names: no other is shown a password.
    if environment.get(URL, url).rstrip("/") == url.rstrip("/"):
        if given := environment.get(TOKEN) or environment.get(CLI_TOKEN):
            return AirflowClient(url, token=Secret(given))
        if environment.get(USER) and environment.get(PASSWORD):
            return AirflowClient(url, environment[USER], environment[PASSWORD])
    token = kept_token(url)
    if token is None:
        raise RefusedError(
            f"nobody has logged in to Airflow at {url} here: `windlass login --airflow {url}`, "
            f"or set {URL} with {TOKEN}, or with {USER} and {PASSWORD}"
        )
    return AirflowClient(url, token=token)


def take_connections(name: str | None) -> None:
    """Put the connections of the embedded Airflow `name` into this process's environment; without one, leave it."""
    if not name:
        return
    if not is_embedded(name):
        raise SpecError(f"{name} is no name of an embedded Airflow; for others set AIRFLOW_CONN_*")
    file = Home.of(name).environment
    if not file.exists():
        raise SpecError(f"there is no embedded Airflow called {name} ({file} does not exist)")
    environment: dict[str, str] = json.loads(file.read_text())
    os.environ.update(environment)


def _setting(environment: Mapping[str, str], key: str) -> str:
    if not environment.get(key):
        which = "Give --airflow NAME (an embedded one, or a URL)"
        raise SpecError(f"which Airflow? {which}, or set {URL}, {USER} and {PASSWORD}")
    return environment[key]
