"""Put a host back to what ran on it before, if what was changed last on it does not come up."""

from __future__ import annotations

from windlass.domain.host.layout import ADDRESS_CONFIG, API_SERVER, PROXY_CONFIG, stack_directory
from windlass.domain.rendering import host_stacks
from windlass.domain.scripts.apply import service_digests
from windlass.domain.spec.models import Host
from windlass.operations.apply.prepare import prepare_host
from windlass.operations.apply.start import bring_up, start_kubelet
from windlass.operations.cluster import put_files
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.control_plane_ready import CONTROLLERS
from windlass.operations.rollout.stacks import compose_of, start_services

_STACK = "control-plane"
_MOVED_ON = ("etcd", _STACK)
"""Stacks whose etcd and API server were changed on all hosts before any host's rest: they never go back with one."""


def put_back(rollout: RolloutContext, host: Host) -> None:
    """Bring the host to what ran on it before, but for etcd and the API server, which have moved on with all others.

    The spec's hooks do not run: one of them may be what failed.
    """
    connection = rollout.connection(host.name)
    left = [PROXY_CONFIG, ADDRESS_CONFIG, *(f"{stack_directory(stack)}/" for stack in _MOVED_ON)]
    prepare_host(rollout.before, host, connection, without=left)
    if "control-plane" in host.roles:
        _put_controllers_back(rollout, host)
    bring_up(connection, [stack for stack in host_stacks(rollout.before.cluster, host) if stack not in _MOVED_ON])
    if host.is_node:
        start_kubelet(rollout.before, connection)


def _put_controllers_back(rollout: RolloutContext, host: Host) -> None:
    """Start the old controllers; what lies on the host afterwards is of the API server that runs there."""
    connection, path = rollout.connection(host.name), f"{stack_directory(_STACK)}/compose.yaml"
    old, new = (compose_of(session, host, _STACK) for session in (rollout.before, rollout.session))
    put_files(connection, {path: old})
    start_services(connection, _STACK, old, tuple(CONTROLLERS))
    if _api_server(old.content) != _api_server(new.content):
        put_files(connection, {path: new})


def _api_server(compose: bytes) -> str:
    return service_digests(compose.decode())[API_SERVER]
