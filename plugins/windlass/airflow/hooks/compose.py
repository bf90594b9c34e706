"""Docker Engine of a host, by the docker provider's hook and our own way to the host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from airflow.providers.docker.hooks.docker import DockerHook
from airflow.sdk.exceptions import AirflowException

from windlass.effects.containers import Containers
from windlass.effects.ssh.connection import Bridge, Connection
from windlass.errors import UnreachableError

_DIAL = ("docker", "system", "dial-stdio")
_TIMEOUT = timedelta(seconds=30)


class ComposeHook(DockerHook):
    """The docker provider's hook towards the engine of one host.

    The way there is a local Unix socket, each connection to which is one run of `docker system dial-stdio` as root
    over the host's own SSH connection: nothing listens on the host, and its engine needs no TLS. For DAGs of people's
    own, to look at containers and restart them; Windlass's operations go another way (docs/decisions, 94 and 95).
    """

    def __init__(self, bridge: Bridge, host: str, timeout: timedelta = _TIMEOUT) -> None:
        super().__init__(docker_conn_id=None, base_url=f"unix://{bridge.path}", timeout=int(timeout.total_seconds()))
        self.host = host

    def containers(self, cluster: str) -> Containers:
        """Return the containers of a cluster on the host; UnreachableError if its engine does not answer."""
        try:
            return Containers(self.api_client, self.host, cluster)
        except AirflowException as error:
            message = f"{self.host}: docker does not answer through `{' '.join(_DIAL)}`; see `systemctl status docker`"
            raise UnreachableError(message) from error


@contextmanager
def compose_hook(connection: Connection) -> Iterator[ComposeHook]:
    """Give the hook of one host; the way there is taken down at the end."""
    with connection.unix_bridge(_DIAL, sudo=True) as bridge:
        hook = ComposeHook(bridge, connection.host)
        try:
            yield hook
        finally:
            if hook.client_created:
                hook.api_client.close()
