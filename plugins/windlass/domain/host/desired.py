"""What belongs on a host, all of it: from the spec, the release, the lock and the PKI; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from windlass.domain.artifacts import Artifact, Lock
from windlass.domain.catalog import Release
from windlass.domain.host.file_drift import DesiredFile, desired_file, desired_files
from windlass.domain.host.layout import (
    ADDRESS_CONFIG,
    API_PROXY,
    API_SERVER_PKI,
    CNI_BINARIES,
    COMPONENT_LABEL,
    CONTAINERD_CONFIG,
    CONTAINERD_IMPORTS,
    CONTROLLER_MANAGER_PKI,
    DIGEST_LABEL,
    DOCKER_DAEMON,
    DOCKER_PLUGINS,
    DOCKER_PROXY,
    ENGINE_UNIT,
    KERNEL_MODULES,
    KERNEL_PARAMETERS,
    KUBECONFIGS,
    KUBELET_CONFIG,
    OWN_PARAMETERS,
    PKI,
    PROXY_CA,
    PROXY_CONFIG,
    PROXY_ENVIRONMENT,
    PROXY_TRUST,
    SCHEDULER_PKI,
    STACKS,
    SYSTEMD,
    VERSION_LABEL,
    VIRTUAL_ADDRESS,
    artifact_directory,
    kubernetes_binaries,
)
from windlass.domain.rendering import (
    HostFiles,
    HostImage,
    Install,
    host_images,
    host_installs,
    merge_daemon_settings,
    render_host,
)
from windlass.domain.rendering.context import ClusterInputs, HostInputs
from windlass.domain.rendering.engine import ENGINE_PACKAGE, engine_programs, follows_release
from windlass.domain.rendering.machine_settings import own_paths
from windlass.domain.scripts.install import content_directory
from windlass.domain.spec.models import Host
from windlass.domain.yamltext import read_yaml

CONTAINERD = "windlass-containerd"
SETTINGS = {
    "kernel settings": (KERNEL_PARAMETERS, KERNEL_MODULES, OWN_PARAMETERS),
    "docker settings": (DOCKER_DAEMON, DOCKER_PROXY, PROXY_ENVIRONMENT),
    API_PROXY: (PROXY_CONFIG,),
    PROXY_TRUST: (PROXY_CA,),
}
"""The files that must be loaded when they change, by what they are called in plans."""
ADDRESS_SETTINGS = {VIRTUAL_ADDRESS: (ADDRESS_CONFIG,)}
"""The same, of hosts that may hold the API's virtual address."""
ONE_BY_ONE = frozenset({OWN_PARAMETERS, DOCKER_PROXY, PROXY_ENVIRONMENT})
"""Files among these that come from the spec: they may be wrong, so that hosts load them one after the other."""
READ_ONCE = {
    "etcd": (f"{PKI}/etcd/ca.crt",),
    "kube-apiserver": (
        f"{API_SERVER_PKI}/ca.crt",
        f"{API_SERVER_PKI}/etcd/ca.crt",
        f"{API_SERVER_PKI}/service-account.key",
        f"{API_SERVER_PKI}/service-account.pub",
    ),
    "kube-controller-manager": (f"{CONTROLLER_MANAGER_PKI}/ca.crt", f"{CONTROLLER_MANAGER_PKI}/service-account.key"),
    "kube-scheduler": (f"{SCHEDULER_PKI}/ca.crt",),
}
"""What a component reads when it starts and never again, of what changes in a running cluster.

Leaves and their keys are read again by all of them: etcd for each handshake, components of Kubernetes by
`dynamiccertificates` and `certrotation`. So are the API server's authorities for clients and for front proxies, and
its keys of Secrets. Not so the authorities for what they ask themselves (etcd's peers and clients, kubelets, API
servers by kubeconfigs: client-go reads those once), nor the keys of service accounts. HAProxy takes its authority over
as it does its configuration, see `SETTINGS`.
"""
_COMPOSE = "compose.yaml"
_SHARED = (CNI_BINARIES, DOCKER_PLUGINS)
"""Where programs are found by a path without a version in it."""


@dataclass(frozen=True)
class DesiredProgram:
    """One artifact that is to be unpacked."""

    name: str
    version: str
    directory: str | None
    """The name of its directory, which is that of its content; None for an engine that is not Windlass's, which is
    installed if it is there. Empty if the lock lacks it: then it is not there, and cannot be fetched either."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class DesiredLink:
    """A path without a version in it by which a program is found."""

    path: str
    target: str
    program: str
    """The artifact that it leads to."""


@dataclass(frozen=True)
class DesiredUnit:
    """One systemd unit, and what it reads when it starts: when any of that changes it is restarted."""

    name: str
    component: str
    """What plans call it, such as `containerd`."""
    version: str
    files: tuple[str, ...]
    binaries: tuple[str, ...]

    @property
    def own_files(self) -> tuple[str, ...]:
        """What only this unit reads: its unit file and its configuration."""
        return self.files[:2]

    def reads(self, path: str) -> bool:
        """Tell whether a file is one of those that it reads; of a directory all files count."""
        return path in self.files or path.rpartition("/")[0] in self.files

    def owns(self, path: str) -> bool:
        """Tell whether only this unit reads a file."""
        return path in self.own_files or path.rpartition("/")[0] in self.files


@dataclass(frozen=True)
class DesiredService:
    """One container of a stack."""

    component: str
    stack: str
    version: str
    digest: str
    """Of the service as rendered."""
    definition: Mapping[str, Any]
    """The Compose service."""

    @property
    def reads_once(self) -> tuple[str, ...]:
        """What of the PKI it reads when it starts, and not again."""
        return READ_ONCE.get(self.component, ())


@dataclass(frozen=True)
class DesiredHost:
    """One host as it should be."""

    host: Host
    programs: tuple[DesiredProgram, ...]
    links: tuple[DesiredLink, ...]
    files: Mapping[str, DesiredFile]
    certificates: Mapping[str, DesiredFile] | None
    """Certificates, keys and kubeconfigs; None while none are issued."""
    settings: Mapping[str, tuple[str, ...]]
    """The files that are to be loaded by kernel, engine and API proxy, by what they are called in plans."""
    units: tuple[DesiredUnit, ...]
    services: Mapping[str, DesiredService]
    """By component."""
    images: tuple[HostImage, ...]
    """What the host will run. They are worth having ahead; the runtimes fetch what is missing, and kubelet removes
    what it does not use, so that a missing image is no drift."""
    own: frozenset[str] = frozenset()
    """Those of its files that are there only because the spec asks for them; what was there before comes back."""

    @property
    def all_files(self) -> Mapping[str, DesiredFile]:
        """Files and certificates."""
        return {**self.files, **(self.certificates or {})}


def desired_host(
    inputs: HostInputs, certificates: Mapping[str, DesiredFile] | None, docker_settings: str | None
) -> DesiredHost:
    """Return what belongs on a host; `docker_settings` is what its daemon.json says, which is only added to.

    SpecError if a template fails or daemon.json is not JSON, IntegrityError if the lock lacks an image that it runs.
    """
    whole, host = inputs.whole, inputs.host
    release = whole.release
    files = render_host(whole.cluster, release, host, whole.lock, whole.mirror, inputs.facts)
    daemon = files[DOCKER_DAEMON]
    merged = replace(daemon, content=merge_daemon_settings(docker_settings, daemon.text).encode())
    installs = host_installs(whole.cluster, release, host, inputs.facts.architecture)
    is_ours = follows_release(inputs.facts, whole.mirror)
    return DesiredHost(
        host,
        tuple(_program(whole.lock, install.artifact, is_engine_ours=is_ours) for install in installs),
        tuple(_shared_links(whole, installs)),
        {**desired_files(files), DOCKER_DAEMON: replace(desired_file(merged), is_shared=True)},
        certificates,
        host_settings(files),
        tuple(_units(release, host, is_engine_ours=is_ours)),
        _services(files),
        host_images(whole.cluster, release, host, whole.lock, whole.mirror),
        own_paths(whole.cluster, host),
    )


def _units(release: Release, host: Host, *, is_engine_ours: bool) -> Iterator[DesiredUnit]:
    if is_engine_ours:
        version, binaries = release.files[ENGINE_PACKAGE], engine_programs(release).binaries
        yield DesiredUnit("docker", ENGINE_PACKAGE, version, (ENGINE_UNIT,), binaries)
    if host.is_node:
        yield from (containerd_unit(release), kubelet_unit(release.version))


def host_settings(files: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the settings of a host that has these `files`, as `SETTINGS` does: some have a virtual address too."""
    return {**SETTINGS, **(ADDRESS_SETTINGS if ADDRESS_CONFIG in files else {})}


def containerd_unit(release: Release) -> DesiredUnit:
    """Return the pods' container runtime."""
    version = release.files["containerd"]
    binaries = (f"{artifact_directory(name, release.files[name])}/bin/{name}" for name in ("containerd", "runc"))
    files = (f"{SYSTEMD}/{CONTAINERD}.service", CONTAINERD_CONFIG, CONTAINERD_IMPORTS, PROXY_ENVIRONMENT)
    return DesiredUnit(CONTAINERD, "containerd", version, files, tuple(binaries))


def kubelet_unit(version: str) -> DesiredUnit:
    """Return the kubelet of a release."""
    files = (f"{SYSTEMD}/kubelet.service", KUBELET_CONFIG, f"{KUBECONFIGS}/kubelet.conf", PROXY_ENVIRONMENT)
    secrets = (f"{PKI}/kubelet.crt", f"{PKI}/kubelet-client.crt", f"{PKI}/ca.crt")
    binaries = (f"{kubernetes_binaries(version)}/kubelet",)
    return DesiredUnit("kubelet", "kubelet", version, (*files, *secrets), binaries)


def read_services(stack: str, compose: str) -> dict[str, DesiredService]:
    """Return the services of a rendered Compose file by component."""
    found = {}
    for definition in read_yaml(compose)["services"].values():
        labels = definition["labels"]
        component, version = labels[COMPONENT_LABEL], str(labels.get(VERSION_LABEL, ""))
        found[component] = DesiredService(component, stack, version, labels[DIGEST_LABEL], definition)
    return found


def _services(files: HostFiles) -> dict[str, DesiredService]:
    found: dict[str, DesiredService] = {}
    for path, file in files.items():
        if path.startswith(f"{STACKS}/") and path.endswith(f"/{_COMPOSE}"):
            found |= read_services(path.split("/")[-2], file.text)
    return found


def _program(lock: Lock, artifact: Artifact, *, is_engine_ours: bool) -> DesiredProgram:
    is_own = not is_engine_ours and artifact.name == ENGINE_PACKAGE
    if is_own:
        return DesiredProgram(artifact.name, artifact.version, None)
    is_known = artifact in lock.artifacts
    directory = content_directory(lock.digest(artifact)).rpartition("/")[2] if is_known else ""
    return DesiredProgram(artifact.name, artifact.version, directory)


def _shared_links(whole: ClusterInputs, installs: tuple[Install, ...]) -> Iterator[DesiredLink]:
    for install in (one for one in installs if one.artifact in whole.lock.artifacts):
        for inner, path in install.links:
            if path.startswith(_SHARED):
                directory = content_directory(whole.lock.digest(install.artifact))
                member = inner or whole.mirror.download(install.artifact).member or "file"
                yield DesiredLink(path, f"{directory}/{member}", install.artifact.name)
