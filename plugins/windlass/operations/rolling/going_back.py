"""Put a host back to what ran on it before, if what was changed last on it does not come up."""

from __future__ import annotations

from windlass.domain.rendering import host_stacks
from windlass.domain.rendering.layout import stack_directory
from windlass.domain.spec.models import Host
from windlass.operations.applying import service_digests
from windlass.operations.preparing import prepare_host
from windlass.operations.rolling.api_servers import SERVER
from windlass.operations.rolling.planes import CONTROLLERS
from windlass.operations.rolling.roll import Roll
from windlass.operations.rolling.stacks import compose_of, start_services
from windlass.operations.site import put_files
from windlass.operations.starting import bring_up, start_kubelet

_STACK = "control-plane"
_MOVED_ON = ("etcd", _STACK)
"""Stacks whose etcd and API server were changed on all hosts before any host's rest: they never go back with one."""


def put_back(roll: Roll, host: Host) -> None:
    """Bring the host to what ran on it before, but for etcd and the API server, which have moved on with all others.

    The spec's hooks do not run: one of them may be what failed.
    """
    connection = roll.connection(host.name)
    prepare_host(roll.before, host, connection, without=_MOVED_ON)
    if "control-plane" in host.roles:
        _put_controllers_back(roll, host)
    bring_up(connection, [stack for stack in host_stacks(roll.before.cluster, host) if stack not in _MOVED_ON])
    if host.is_node:
        start_kubelet(roll.before, connection)


def _put_controllers_back(roll: Roll, host: Host) -> None:
    """Start the old controllers; what lies on the host afterwards is of the API server that runs there."""
    connection, path = roll.connection(host.name), f"{stack_directory(_STACK)}/compose.yaml"
    old, new = (compose_of(site, host, _STACK) for site in (roll.before, roll.site))
    put_files(connection, {path: old})
    start_services(connection, _STACK, old, tuple(CONTROLLERS))
    if _api_server(old.content) != _api_server(new.content):
        put_files(connection, {path: new})


def _api_server(compose: bytes) -> str:
    return service_digests(compose.decode())[SERVER]
