"""Prepare hosts: binaries, container engines, files and images, so that what follows only has to start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from windlass.domain.host.desired import SETTINGS, containerd_unit, host_settings
from windlass.domain.host.facts import HostFacts
from windlass.domain.host.layout import (
    API_PROXY,
    CLUSTER_MARK,
    DOCKER_DAEMON,
    KERNEL_PARAMETERS,
    PROXY_ENVIRONMENT,
    PROXY_TRUST,
    REGISTRY_HOSTS,
    VIRTUAL_ADDRESS,
    artifact_directory,
)
from windlass.domain.rendering import (
    HostFiles,
    host_directories,
    host_images,
    installs_of,
    render_host,
)
from windlass.domain.rendering.engine import engine_programs, follows_release
from windlass.domain.rendering.machine_settings import own_paths
from windlass.domain.rollout.hooks import HOOKS_MARK, hooks_mark
from windlass.domain.scripts.apply import settings_script, unit_script
from windlass.domain.scripts.combine import at_once, in_turn
from windlass.domain.scripts.engine import docker_script
from windlass.domain.scripts.host_record import note_host_script, parameter_names
from windlass.domain.scripts.install import (
    directories_script,
    distribution_docker_script,
    docker_images_script,
    install_script,
    node_images_script,
)
from windlass.domain.scripts.own_files import own_files_script
from windlass.domain.scripts.script import Script
from windlass.domain.spec.models import Host
from windlass.domain.spec.references import ON_HOSTS
from windlass.effects.ssh.connection import Connection, RemoteFile
from windlass.operations.apply.docker_settings import put_docker_settings
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
    noted = note_host_script(parameter_names(files[KERNEL_PARAMETERS].text))
    own = own_files_script(own_paths(session.cluster, host))
    changed = list(run_script(connection, in_turn("note-what-is-there", noted, own)))
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
    installs = installs_of(session.cluster, session.release, host, facts, session.mirror)
    scripts = [install_script(installs, session.lock, session.mirror)]
    if facts.docker_version is None or follows_release(facts, session.mirror):
        scripts.append(_engine_script(session))
    scripts.append(directories_script(host_directories(session.cluster, host)))
    return run_script(connection, in_turn("install-host", *scripts), timeout=_DOWNLOADS)


def _engine_script(session: ClusterSession) -> Script:
    if not session.mirror.brings_engine:
        return distribution_docker_script()
    return docker_script(engine_programs(session.release))


def _marks_of_a_new_host(session: ClusterSession) -> dict[str, RemoteFile]:
    """Return what says that the spec's hooks are not due on a host that becomes the cluster's only now."""
    mark = hooks_mark(session.cluster)
    return {} if mark is None else {HOOKS_MARK: RemoteFile(mark)}


def _lay_down(session: ClusterSession, connection: Connection, files: Mapping[str, RemoteFile]) -> Changes:
    remote = {**files, CLUSTER_MARK: RemoteFile(f"{session.cluster.name}\n".encode())}
    docker = remote.pop(DOCKER_DAEMON)
    changed = ["files"] if put_files(connection, remote) else []
    changed += load_kernel_settings(connection)
    put_docker_settings(connection, docker)
    changed += run_script(connection, settings_script("docker settings", SETTINGS["docker settings"]))
    there = host_settings(remote)
    told = [settings_script(what, there[what]) for what in (API_PROXY, PROXY_TRUST, VIRTUAL_ADDRESS) if what in there]
    return (*changed, *run_script(connection, in_turn("load-proxy", *told)))


def load_kernel_settings(connection: Connection) -> Changes:
    """Have the kernel take its settings as they lie on the host, if they changed since it last did."""
    return run_script(connection, settings_script("kernel settings", SETTINGS["kernel settings"]))


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
