"""What must be on a host before its files make sense: binaries, and images worth fetching ahead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from windlass.domain.artifacts import Artifact, Lock
from windlass.domain.catalog import Release
from windlass.domain.host.facts import HostFacts
from windlass.domain.host.layout import (
    AUDIT_LOGS,
    CNI_BINARIES,
    CNI_CONFIG,
    CONTAINERD_ROOT,
    DOCKER_PLUGINS,
    ETCD_DATA,
    kubernetes_binaries,
    stack_data_directory,
)
from windlass.domain.rendering.engine import ENGINE_PACKAGE, engine_programs
from windlass.domain.rendering.images import MirrorAddresses, image_reference
from windlass.domain.spec.drivers import picked_drivers
from windlass.domain.spec.models import Cluster, Host

_COMPOSE_PLUGIN = f"{DOCKER_PLUGINS}/cli-plugins/docker-compose"
_CNI_PLUGINS = ("bandwidth", "bridge", "firewall", "host-local", "loopback", "portmap")
_CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")
_ENGINE = ("docker", "dockerd", "docker-proxy")
"""In an archive as Docker publishes it: https://download.docker.com/linux/static/stable/."""
_TRIALS = ("toolbox",)
"""What the pods run by which a cluster is tried, whatever its drivers are."""
Runtime = Literal["docker", "containerd"]


@dataclass(frozen=True)
class Install:
    """One file artifact on a host, and the paths by which it is found."""

    artifact: Artifact
    links: tuple[tuple[str, str], ...]
    """Pairs of a path in the archive (empty for a single file) and the absolute path that leads to it."""


@dataclass(frozen=True)
class HostDirectory:
    """A directory that must be there before the stacks start; its owner is root."""

    path: str
    mode: int


@dataclass(frozen=True)
class HostImage:
    """One image that a host will run."""

    runtime: Runtime
    artifact: Artifact
    reference: str


def host_installs(cluster: Cluster, release: Release, host: Host, architecture: str) -> tuple[Install, ...]:
    """Return the file artifacts that `host` needs for its roles, built for its architecture."""
    programs = engine_programs(release)  # the pods' runtime is what the engine starts for itself, too
    installs = [
        Install(
            release.artifact("file", ENGINE_PACKAGE),
            tuple((f"docker/{name}", f"{programs.engine}/{name}") for name in _ENGINE),
        ),
        Install(
            release.artifact("file", "containerd"),
            tuple((f"bin/{name}", f"{programs.containerd}/{name}") for name in _CONTAINERD),
        ),
        Install(release.artifact("file", "runc"), (("", f"{programs.runc}/runc"),)),
        Install(release.artifact("file", "docker-compose"), (("", _COMPOSE_PLUGIN),)),
    ]
    if host.is_node:
        kubernetes = kubernetes_binaries(release.version)
        installs += [
            Install(release.artifact("file", "kubelet"), (("", f"{kubernetes}/kubelet"),)),
            Install(release.artifact("file", "kubectl"), (("", f"{kubernetes}/kubectl"),)),
            Install(
                release.artifact("file", "cni-plugins"),
                tuple((name, f"{CNI_BINARIES}/{name}") for name in _CNI_PLUGINS),
            ),
            *_plugins(cluster, release),
        ]
    return tuple(replace(one, artifact=one.artifact.on(architecture)) for one in installs)


def _plugins(cluster: Cluster, release: Release) -> Iterator[Install]:
    """Yield the CNI plugins that drivers bring."""
    for picked in picked_drivers(cluster, release.drivers):
        seen = release.for_driver(picked.driver)
        for name, file in picked.driver.plugins.items():
            yield Install(seen.artifact("file", file), (("", f"{CNI_BINARIES}/{name}"),))


def installs_of(
    cluster: Cluster, release: Release, host: Host, facts: HostFacts, mirror: MirrorAddresses
) -> tuple[Install, ...]:
    """Return what is to be installed on a host; a Docker Engine that is the host's own is left alone."""
    has_own = facts.docker_version is not None and not facts.brought_engine
    skips_engine = has_own or not mirror.brings_engine
    installs = host_installs(cluster, release, host, facts.architecture)
    return tuple(one for one in installs if one.artifact.name != ENGINE_PACKAGE or not skips_engine)


def host_directories(cluster: Cluster, host: Host) -> tuple[HostDirectory, ...]:
    """Return the directories that the stacks and units of `host` write to."""
    directories = []
    if "etcd" in host.roles:
        directories.append(HostDirectory(ETCD_DATA, 0o700))
    if "control-plane" in host.roles:
        directories.append(HostDirectory(AUDIT_LOGS, 0o700))
    if host.is_node:
        directories += [HostDirectory(CONTAINERD_ROOT, 0o700), HostDirectory(CNI_CONFIG, 0o755)]
    own = (stack.name for stack in cluster.stacks if stack.runs_on(host))
    return (*directories, *(HostDirectory(stack_data_directory(name), 0o700) for name in own))


def host_images(
    cluster: Cluster, release: Release, host: Host, lock: Lock, mirror: MirrorAddresses
) -> tuple[HostImage, ...]:
    """Return the images that `host` will run, by the runtime that runs them."""
    images = [
        HostImage(runtime, seen.artifact("image", name), image_reference(name, seen, lock, mirror))
        for runtime, name, seen in _named_images(cluster, release, host)
    ]
    return tuple(dict.fromkeys(images))


def needed_images(cluster: Cluster, release: Release, host: Host) -> tuple[Artifact, ...]:
    """Return the images that `host` will run or may be given pods of."""
    own = [seen.artifact("image", name) for _, name, seen in _named_images(cluster, release, host)]
    return tuple(dict.fromkeys((*own, *(cluster_images(cluster, release) if host.is_node else ()))))


def cluster_images(cluster: Cluster, release: Release) -> tuple[Artifact, ...]:
    """Return the images that a cluster's spec has any use for."""
    picked = [one.driver for one in picked_drivers(cluster, release.drivers)]
    used = {*_TRIALS, *(name for driver in picked for name in driver.images)}
    unused = {name for driver in release.drivers.loaded.values() for name in driver.images} - used
    own = [release.artifact("image", name) for name in release.images if name not in unused]
    with_stacks = release.images_with(stack.name for stack in cluster.stacks)
    brought = [one for one in with_stacks if one.name not in release.images]
    driven = [Artifact("image", name, version) for driver in picked for name, version in driver.brought.items()]
    return tuple(dict.fromkeys((*own, *brought, *driven)))


def _named_images(cluster: Cluster, release: Release, host: Host) -> Iterator[tuple[Runtime, str, Release]]:
    """Give runtime and name of each image of a host, and the release as whoever brings it sees it."""
    desired: list[tuple[Runtime, str]] = [("docker", "haproxy")]
    if "etcd" in host.roles:
        desired.append(("docker", "etcd"))
    if "control-plane" in host.roles:
        control_plane = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
        desired += [("docker", name) for name in control_plane]
    if host.is_node:
        desired.append(("containerd", "pause"))
    yield from ((runtime, name, release) for runtime, name in desired)
    for driver in (one.driver for one in picked_drivers(cluster, release.drivers) if host.is_node):
        yield from (("containerd", name, release.for_driver(driver)) for name in driver.ahead)
    for stack in (stack.name for stack in cluster.stacks if stack.runs_on(host)):
        seen = release.for_stack(stack)
        brought = seen.stacks[stack].images if stack in seen.stacks else ()
        yield from (("docker", name, seen) for name in brought)
