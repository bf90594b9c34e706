"""The containers of Windlass's stacks on one host, through the API of the host's own Docker Engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from docker import APIClient
from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from windlass.domain.host.containers import Container, read_container
from windlass.domain.host.layout import CLUSTER_LABEL, COMPONENT_LABEL
from windlass.errors import NotReadyError, UnreachableError, WindlassError


class Containers:
    """What runs on a host, and the means to restart it. Only what carries the cluster's label is ever touched.

    UnreachableError if the engine does not answer: what was asked may have happened.
    """

    def __init__(self, api: APIClient, host: str, cluster: str) -> None:
        self._api = api
        self._host = host
        self._cluster = cluster

    def all(self) -> tuple[Container, ...]:
        """Return the cluster's containers, running or not, by component."""
        filters = {"label": [f"{CLUSTER_LABEL}={self._cluster}"]}
        return tuple(sorted(self._list(filters), key=lambda one: (one.stack, one.component, one.name)))

    def find(self, component: str) -> Container | None:
        """Return the container of a component; None if there is none."""
        filters = {"label": [f"{CLUSTER_LABEL}={self._cluster}", f"{COMPONENT_LABEL}={component}"]}
        return next(iter(self._list(filters)), None)

    def restart(self, component: str) -> Container:
        """Restart a component's container within its own time to stop, and return it as it is then.

        NotReadyError if there is none. The container stays the same one: to recreate it from its Compose file is
        `docker compose up --force-recreate`, on the host.
        """
        found = self.find(component)
        if found is None:
            raise NotReadyError(f"{self._host}: there is no container of {component}; apply the spec to make it")
        with self._translated(f"restart {component}"):
            self._api.restart(found.container_id, timeout=found.grace_seconds)
            return read_container(self._api.inspect_container(found.container_id))

    def log(self, component: str, lines: int = 20) -> str:
        """Return the last lines that a component's container printed; an empty text if there is none."""
        found = self.find(component)
        if found is None:
            return ""
        with self._translated(f"read the log of {component}"):
            printed: bytes = self._api.logs(found.container_id, tail=lines)
        return printed.decode(errors="replace")

    def _list(self, filters: dict[str, list[str]]) -> Iterator[Container]:
        with self._translated("list containers"):
            ids = [one["Id"] for one in self._api.containers(all=True, filters=filters)]
        for container_id in ids:
            with self._translated(f"inspect {container_id[:12]}"):
                try:
                    inspected = self._api.inspect_container(container_id)
                except NotFound:  # removed since it was listed
                    continue
            yield read_container(inspected)

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except APIError as error:
            reason = error.explanation or str(error)
            raise WindlassError(f"{self._host}: docker: cannot {doing}: {reason}") from error
        except (DockerException, RequestException) as error:
            raise UnreachableError(
                f"{self._host}: docker: {doing}: no answer: {error}; see `systemctl status docker` there"
            ) from error
