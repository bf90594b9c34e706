"""Start what was prepared: etcd, the control plane, the kubelets. Each waits for what it needs by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial

from windlass.domain.host.desired import SETTINGS, kubelet_unit
from windlass.domain.host.layout import PROXY_TRUST, SEALED_PKI, stack_directory
from windlass.domain.pki import Pki, files_for
from windlass.domain.scripts.apply import NO_API, after_api, service_digests, settings_script, stack_script, unit_script
from windlass.domain.scripts.script import Script
from windlass.domain.spec.models import Cluster, Host
from windlass.effects.ssh.connection import Connection, RemoteFile
from windlass.errors import CommandError, NotReadyError
from windlass.operations.cluster import Changes, ClusterSession, put_files, run_script

_UP = timedelta(minutes=5)
_UP_AFTER_API = timedelta(minutes=9)


def install_certificates(
    session: ClusterSession, pki: Pki, sealed: RemoteFile, hosts: Sequence[Host] | None = None
) -> dict[str, Changes]:
    """Lay down on each of `hosts`, or on all, the keys and certificates that its roles need; what was changed."""
    act = partial(install_host_certificates, session.cluster, pki, sealed)
    return session.on_hosts("seed certificates", session.hosts if hosts is None else hosts, act)


def install_host_certificates(
    cluster: Cluster, pki: Pki, sealed: RemoteFile, host: Host, connection: Connection
) -> Changes:
    """Lay down on one host the keys and certificates that its roles need; what was changed.

    An API proxy that runs takes its authority over at once, and cuts no connection for it.
    Control-plane hosts keep a `sealed` copy of the whole PKI too, so that a lost store can be rebuilt from any of them.
    """
    files = {
        path: RemoteFile(file.content, file.mode, file.owner) for path, file in files_for(cluster, host, pki).items()
    }
    changed = ["certificates"] if put_files(connection, files) else []
    if changed:
        changed += run_script(connection, settings_script(PROXY_TRUST, SETTINGS[PROXY_TRUST]))
    # It is the store's object byte for byte, so it differs only if what it holds, or the master key, has changed.
    if "control-plane" in host.roles and connection.put(SEALED_PKI, sealed.content, mode=0o600):
        changed.append("sealed PKI")
    return tuple(changed)


def start_control_plane(session: ClusterSession) -> dict[str, Changes]:
    """Start API server, controller manager and scheduler, and on every host the proxy in front of all API servers."""
    return session.on_hosts(
        "start the control plane", session.hosts, lambda _, connection: bring_up(connection, SERVING)
    )


SERVING = ("control-plane", "api-proxy")
"""The stacks that serve the API, of those that a host has."""


def start_kubelets(session: ClusterSession, hosts: Sequence[Host] | None = None) -> dict[str, Changes]:
    """Start the kubelet of every node, or of those among `hosts`.

    One that runs with the same files and binaries is left alone.

    It is done once an API server answers: a kubelet would look for one at ever longer intervals, and take time from
    the API servers that start meanwhile. NotReadyError where none answers the host in time.
    """
    nodes = [host for host in (session.hosts if hosts is None else hosts) if host.is_node]
    script = after_api(kubelet_script(session.release.version))
    return session.on_hosts("start kubelets", nodes, lambda _, connection: _start_after_api(connection, script))


def _start_after_api(connection: Connection, script: Script) -> Changes:
    try:
        return run_script(connection, script, timeout=_UP_AFTER_API)
    except CommandError as error:
        if error.failure.exit_code != NO_API:
            raise
        raise NotReadyError(str(error)) from error


def start_kubelet(session: ClusterSession, connection: Connection) -> Changes:
    """Start the kubelet of one node, or restart it if what it reads has changed."""
    return run_script(connection, kubelet_script(session.release.version), timeout=_UP)


def kubelet_script(version: str) -> Script:
    """Return the script that starts a kubelet, or restarts it if what it reads has changed."""
    unit = kubelet_unit(version)
    return unit_script(unit.name, unit.files, unit.binaries)


def bring_up(connection: Connection, stacks: Iterable[str]) -> Changes:
    """Bring up those of `stacks` that were written on the host."""
    changed: list[str] = []
    for stack in stacks:
        compose = connection.read(f"{stack_directory(stack)}/compose.yaml")
        if compose is not None:
            changed += run_script(connection, stack_script(stack, service_digests(compose.decode())), timeout=_UP)
    return tuple(changed)
