"""Look deeper: files, certificates and containers of a host against what was rendered for it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from windlass.domain.host.container_drift import container_drift, other_version
from windlass.domain.host.containers import Container, by_component, read_container
from windlass.domain.host.file_drift import FileDrift, desired_files, find_file_drift
from windlass.domain.host.layout import CLUSTER_LABEL, DOCKER_DAEMON, PROGRAMS, SYSTEMD
from windlass.domain.pki import Pki, desired_certificates, issue_pki
from windlass.domain.remediation import ClusterHealth, HostHealth
from windlass.domain.rendering import HostFiles, render_host
from windlass.domain.spec.models import Cluster, Host
from windlass.domain.yamltext import read_yaml
from windlass.effects.ssh.connection import Connection
from windlass.operations.apply.gather_facts import gather_facts
from windlass.operations.remediation.context import RemediationContext
from windlass.operations.remediation.observe import side_by_side

_PATIENCE = timedelta(seconds=40)
_KUBELET = f"{SYSTEMD}/kubelet.service"
_RELEASE = re.compile(rf"{PROGRAMS}/(v\d+\.\d+\.\d+)/bin/kubelet\b")


def detect_drift(work: RemediationContext, seen: ClusterHealth) -> ClusterHealth:
    """Return what was seen with all that differs from what was rendered; hosts that do not answer stay as they are."""
    renewed = issue_pki(work.session.cluster, seen.at, work.keys)
    able = {host.name: host for host in seen.hosts if host.is_reachable and not _is_engine_ill(host)}

    def one(name: str) -> HostHealth:
        host = next(host for host in work.session.hosts if host.name == name)
        return _compare(work, able[name], host, renewed)

    found = side_by_side(able, one, _PATIENCE)
    hosts = tuple(result if isinstance(result := found.get(host.name), HostHealth) else host for host in seen.hosts)
    return replace(seen, hosts=hosts)


def _is_engine_ill(host: HostHealth) -> bool:
    return any(unit.unit == "docker" and unit.health != "healthy" for unit in host.units)


def _compare(work: RemediationContext, seen: HostHealth, host: Host, renewed: Pki) -> HostHealth:
    session, connection = work.session, work.session.connections.get(host.name)
    files = render_host(session.cluster, session.release, host, session.lock, session.mirror, gather_facts(connection))
    services, containers = _services(files), _containers(connection, session.cluster)
    certificates = _certificate_drift(work, host, connection, renewed)
    drift, versions = {}, []
    for name, service in services.items():
        if name in containers:
            drift[name] = container_drift(service, containers[name])
            versions.append(other_version(service, containers[name]))
    return replace(
        seen,
        services=tuple(replace(one, drift=drift.get(one.component, ())) for one in seen.services),
        is_compared=True,
        lost_files=tuple(str(one) for one in _file_drift(connection, files)),
        bad_certificates=tuple(str(one) for one in certificates if not one.is_access_only),
        certificate_access=tuple(str(one) for one in certificates if one.is_access_only),
        other_version=next(filter(None, [*versions, _kubelet_version(work, host, connection)]), ""),
    )


def _services(files: HostFiles) -> dict[str, Mapping[str, Any]]:
    composed = [read_yaml(file.text) for path, file in files.items() if path.endswith("/compose.yaml")]
    return {name: service for one in composed for name, service in one["services"].items()}


def _containers(connection: Connection, cluster: Cluster) -> dict[str, Container]:
    said = connection.run(["sh", "-s"], sudo=True, stdin=_inspect_script(cluster).encode()).stdout
    return by_component(read_container(json.loads(line)) for line in said.splitlines() if line.startswith("{"))


def _inspect_script(cluster: Cluster) -> str:
    filters = f"label={CLUSTER_LABEL}={cluster.name}"
    return f"docker ps -aq --filter {filters} | xargs -r docker inspect --format '{{{{json .}}}}'\n"


def _file_drift(connection: Connection, files: HostFiles) -> tuple[FileDrift, ...]:
    # Docker's own settings are shared with the host's owner, and only ever added to.
    desired = desired_files({path: file for path, file in files.items() if path != DOCKER_DAEMON})
    return find_file_drift(desired, connection.stat(list(desired)))


def _certificate_drift(
    work: RemediationContext, host: Host, connection: Connection, renewed: Pki
) -> tuple[FileDrift, ...]:
    desired = desired_certificates(work.session.cluster, host, work.keys, renewed)
    return find_file_drift(desired, connection.stat(list(desired)))


def _kubelet_version(work: RemediationContext, host: Host, connection: Connection) -> str:
    text = connection.read(_KUBELET) if host.is_node else None
    found = _RELEASE.search(text.decode(errors="replace")) if text is not None else None
    version = found.group(1) if found else work.session.release.version
    return "" if version == work.session.release.version else f"kubelet {version}"
