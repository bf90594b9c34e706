"""Prepare hosts: binaries, container engines, files and images, so that what follows only has to start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from windlass.domain.artifacts import Artifact
from windlass.domain.host.desired import SETTINGS, containerd_unit
from windlass.domain.host.facts import HostFacts
from windlass.domain.host.layout import (
    API_PROXY,
    CLUSTER_MARK,
    DOCKER_DAEMON,
    PROXY_ENVIRONMENT,
    PROXY_TRUST,
    REGISTRY_HOSTS,
    artifact_directory,
)
from windlass.domain.rendering import (
    HostFiles,
    Install,
    host_directories,
    host_images,
    host_installs,
    merge_daemon_settings,
    render_host,
)
from windlass.domain.rendering.machine_settings import own_paths
from windlass.domain.rollout.hooks import HOOKS_MARK, hooks_mark
from windlass.domain.scripts.apply import settings_script, unit_script
from windlass.domain.scripts.combine import at_once, in_turn
from windlass.domain.scripts.install import (
    content_directory,
    directories_script,
    distribution_docker_script,
    docker_images_script,
    docker_script,
    install_script,
    node_images_script,
)
from windlass.domain.scripts.own_files import own_files_script
from windlass.domain.scripts.script import Script
from windlass.domain.spec.models import Host
from windlass.domain.spec.references import ON_HOSTS
from windlass.effects.ssh.connection import Connection, RemoteFile
from windlass.operations.apply.gather_facts import gather_facts
from windlass.operations.cluster import Changes, ClusterSession, put_files, run_script

_DOWNLOADS = timedelta(minutes=20)


def prepare_hosts(session: ClusterSession) -> dict[str, Changes]:
    """Prepare all hosts side by side; what was changed on each."""
    return session.on_hosts(
        "prepare hosts", session.hosts, lambda host, connection: prepare_host(session, host, connection)
    )


def prepare_host(
    session: ClusterSession, host: Host, connection: Connection, *, without: Iterable[str] = ()
) -> Changes:
    """Prepare one host; what was changed. An unchanged host is only looked at.

    Files that are `without`, by their path or as `DIRECTORY/`, are left as they are.
    """
    facts = gather_facts(connection)
    session.tell(f"{host.name}: what is missing is downloaded and installed")
    files = render_host(session.revealed(*ON_HOSTS), session.release, host, session.lock, session.mirror, facts)
    changed = list(run_script(connection, own_files_script(own_paths(session.cluster, host))))
    # What is downloaded next goes through the proxy.
    put_files(connection, remote_files({path: file for path, file in files.items() if path == PROXY_ENVIRONMENT}))
    changed += _install(session, host, connection, facts)
    laid = remote_files({path: file for path, file in files.items() if not path.startswith(tuple(without))})
    changed += _lay_down(session, connection, laid | ({} if facts.cluster else _marks_of_a_new_host(session)))
    containerd = [_containerd_script(session)] if host.is_node else []
    script = at_once("pull-images", *_pulls(session, host, containerd))
    session.tell(f"{host.name}: files are written; images that are missing are pulled")
    return (*changed, *run_script(connection, script, timeout=_DOWNLOADS))


def _install(session: ClusterSession, host: Host, connection: Connection, facts: HostFacts) -> Changes:
    scripts = [install_script(desired_installs(session, host, facts), session.lock, session.mirror)]
    if facts.docker_version is None:
        scripts.append(_engine_script(session, session.release.artifact("file", "docker-engine")))
    scripts.append(directories_script(host_directories(session.cluster, host)))
    return run_script(connection, in_turn("install-host", *scripts), timeout=_DOWNLOADS)


def desired_installs(session: ClusterSession, host: Host, facts: HostFacts) -> list[Install]:
    """Return what is to be installed on a host; Docker Engine is left alone where there is one."""
    skips_engine = facts.docker_version is not None or not session.mirror.brings_engine
    installs = host_installs(session.release, host)
    return [one for one in installs if one.artifact.name != "docker-engine" or not skips_engine]


def _engine_script(session: ClusterSession, engine: Artifact) -> Script:
    if not session.mirror.brings_engine:
        return distribution_docker_script()
    return docker_script(content_directory(session.lock.digest(engine)))


def _marks_of_a_new_host(session: ClusterSession) -> dict[str, RemoteFile]:
    """Return what says that the spec's hooks are not due on a host that becomes the cluster's only now."""
    mark = hooks_mark(session.cluster)
    return {} if mark is None else {HOOKS_MARK: RemoteFile(mark)}


def _lay_down(session: ClusterSession, connection: Connection, files: Mapping[str, RemoteFile]) -> Changes:
    remote = {**files, CLUSTER_MARK: RemoteFile(f"{session.cluster.name}\n".encode())}
    docker = remote.pop(DOCKER_DAEMON)
    changed = ["files"] if put_files(connection, remote) else []
    changed += load_kernel_settings(connection)
    settings = docker_settings(connection, docker.content.decode())
    connection.put(DOCKER_DAEMON, settings, mode=docker.mode, owner=docker.owner)
    changed += run_script(connection, settings_script("docker settings", SETTINGS["docker settings"]))
    proxy = [settings_script(what, SETTINGS[what]) for what in (API_PROXY, PROXY_TRUST)]
    return (*changed, *run_script(connection, in_turn("load-proxy", *proxy)))


def load_kernel_settings(connection: Connection) -> Changes:
    """Have the kernel take its settings as they lie on the host, if they changed since it last did."""
    return run_script(connection, settings_script("kernel settings", SETTINGS["kernel settings"]))


def docker_settings(connection: Connection, rendered: str) -> bytes:
    """Return what Docker's settings should be on a host: the rendered ones over those that are there."""
    existing = connection.read(DOCKER_DAEMON)
    return merge_daemon_settings(existing.decode() if existing is not None else None, rendered).encode()


def remote_files(files: HostFiles) -> dict[str, RemoteFile]:
    """Return rendered files as the transport takes them."""
    return {path: RemoteFile(file.content, file.mode, file.owner) for path, file in files.items()}


def _containerd_script(session: ClusterSession) -> Script:
    unit = containerd_unit(session.release)
    return unit_script(unit.name, unit.files, unit.binaries)


def pull_images(session: ClusterSession, host: Host, connection: Connection) -> Changes:
    """Pull what the host will run and does not have."""
    return run_script(connection, at_once("pull-images", *_pulls(session, host)), timeout=_DOWNLOADS)


def _pulls(session: ClusterSession, host: Host, before_nodes: Sequence[Script] = ()) -> Iterator[Script]:
    """Yield the script of each runtime's images; the pods' runtime may have to be started by `before_nodes` first."""
    images = host_images(session.cluster, session.release, host, session.lock, session.mirror)
    yield docker_images_script([image.reference for image in images if image.runtime == "docker"])
    references = [image.reference for image in images if image.runtime == "containerd"]
    if references:
        ctr = f"{artifact_directory('containerd', session.release.files['containerd'])}/bin/ctr"
        yield in_turn("pull-images-of-pods", *before_nodes, node_images_script(references, ctr, REGISTRY_HOSTS))
