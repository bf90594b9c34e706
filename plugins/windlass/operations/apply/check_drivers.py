"""Ask the drivers of a cluster, by the Kubernetes API, whether they do their work."""

from __future__ import annotations

from datetime import timedelta

from windlass.domain.spec.drivers import picked_drivers
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.errors import WindlassError
from windlass.operations.cluster import ClusterSession
from windlass.operations.waiting import wait_until

_ANSWERS = timedelta(seconds=90)


def check_drivers(session: ClusterSession, client: KubernetesClient) -> None:
    """Ask each path that a driver of the cluster names; NotReadyError says which of them does not answer, and how."""
    for driver in (one.driver for one in picked_drivers(session.cluster, session.release.drivers)):
        for path in driver.verify:
            doing = f"verify: the driver `{driver.name}` of {driver.slot} at {path}"
            wait_until(lambda path=path: _silence(client, path), _ANSWERS, doing, session.clock)  # type: ignore[misc]


def _silence(client: KubernetesClient, path: str) -> str:
    try:
        client.text(path)
    except WindlassError as error:
        return str(error)
    return ""
