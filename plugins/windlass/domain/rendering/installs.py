"""What must be on a host before its files make sense: binaries, and images worth fetching ahead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from windlass.domain.artifacts import Artifact, Lock
from windlass.domain.catalog import Release
from windlass.domain.host.layout import (
    AUDIT_LOGS,
    CNI_BINARIES,
    CNI_CONFIG,
    CONTAINERD_ROOT,
    DOCKER_PLUGINS,
    ETCD_DATA,
    artifact_directory,
    kubernetes_binaries,
    stack_data_directory,
)
from windlass.domain.rendering.images import MirrorAddresses, image_reference
from windlass.domain.spec.models import Cluster, Host

_COMPOSE_PLUGIN = f"{DOCKER_PLUGINS}/cli-plugins/docker-compose"
_CNI_PLUGINS = ("bandwidth", "bridge", "firewall", "host-local", "loopback", "portmap")
_CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")


@dataclass(frozen=True)
class Install:
    """One file artifact on a host, and the paths by which it is found."""

    artifact: Artifact
    links: tuple[tuple[str, str], ...]
    """Pairs of a path in the archive (empty for a single file) and the absolute path that leads to it. Without any
    it is an archive that is only unpacked, as Docker's packages are."""


@dataclass(frozen=True)
class HostDirectory:
    """A directory that must be there before the stacks start; its owner is root."""

    path: str
    mode: int


@dataclass(frozen=True)
class HostImage:
    """One image that a host will run."""

    runtime: Literal["docker", "containerd"]
    artifact: Artifact
    reference: str


def host_installs(release: Release, host: Host) -> tuple[Install, ...]:
    """Return the file artifacts that `host` needs for its roles."""
    installs = [
        Install(release.artifact("file", "docker-engine"), ()),
        Install(release.artifact("file", "docker-compose"), (("", _COMPOSE_PLUGIN),)),
    ]
    if host.is_node:
        kubernetes = kubernetes_binaries(release.version)
        containerd, runc = (artifact_directory(name, release.files[name]) for name in ("containerd", "runc"))
        installs += [
            Install(release.artifact("file", "kubelet"), (("", f"{kubernetes}/kubelet"),)),
            Install(release.artifact("file", "kubectl"), (("", f"{kubernetes}/kubectl"),)),
            Install(
                release.artifact("file", "containerd"),
                tuple((f"bin/{name}", f"{containerd}/bin/{name}") for name in _CONTAINERD),
            ),
            Install(release.artifact("file", "runc"), (("", f"{runc}/bin/runc"),)),
            Install(
                release.artifact("file", "cni-plugins"),
                tuple((name, f"{CNI_BINARIES}/{name}") for name in _CNI_PLUGINS),
            ),
            Install(release.artifact("file", "cni-plugin-flannel"), (("", f"{CNI_BINARIES}/flannel"),)),
        ]
    return tuple(installs)


def host_directories(cluster: Cluster, host: Host) -> tuple[HostDirectory, ...]:
    """Return the directories that the stacks and units of `host` write to."""
    directories = []
    if "etcd" in host.roles:
        directories.append(HostDirectory(ETCD_DATA, 0o700))
    if "control-plane" in host.roles:
        directories.append(HostDirectory(AUDIT_LOGS, 0o700))
    if host.is_node:
        directories += [HostDirectory(CONTAINERD_ROOT, 0o700), HostDirectory(CNI_CONFIG, 0o755)]
    own = (stack.name for stack in cluster.spec.stacks if stack.runs_on(host))
    return (*directories, *(HostDirectory(stack_data_directory(name), 0o700) for name in own))


def host_images(
    cluster: Cluster, release: Release, host: Host, lock: Lock, mirror: MirrorAddresses
) -> tuple[HostImage, ...]:
    """Return the images that `host` will run, by the runtime that runs them."""
    desired: list[tuple[Literal["docker", "containerd"], str]] = [("docker", "haproxy")]
    if "etcd" in host.roles:
        desired.append(("docker", "etcd"))
    if "control-plane" in host.roles:
        control_plane = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
        desired += [("docker", name) for name in control_plane]
    if host.is_node:
        desired += [("containerd", name) for name in _pod_images(cluster)]
    images = [
        HostImage(runtime, release.artifact("image", name), image_reference(name, release, lock, mirror))
        for runtime, name in desired
    ]
    for stack in (stack.name for stack in cluster.spec.stacks if stack.runs_on(host)):
        seen = release.for_stack(stack)
        brought = seen.stacks[stack].images if stack in seen.stacks else ()
        images += [
            HostImage("docker", seen.artifact("image", name), image_reference(name, seen, lock, mirror))
            for name in brought
        ]
    return tuple(dict.fromkeys(images))


def _pod_images(cluster: Cluster) -> tuple[str, ...]:
    spec = cluster.spec
    images = ["pause", "kube-proxy"]
    if spec.network.driver == "flannel":
        images += ["flannel", "toolbox"]
    if spec.dns.driver == "coredns":
        images.append("coredns")
    return tuple(images)
