"""All files of one host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from windlass.domain.artifacts import Lock
from windlass.domain.catalog import Release
from windlass.domain.host.facts import HostFacts
from windlass.domain.host.layout import (
    CONTAINERD_CONFIG,
    DOCKER_DAEMON,
    ENGINE_UNIT,
    KERNEL_MODULES,
    KERNEL_PARAMETERS,
    KUBELET_CONFIG,
    REGISTRY_HOSTS,
    SYSTEMD,
)
from windlass.domain.rendering.context import ClusterInputs, HostInputs, component_flags
from windlass.domain.rendering.engine import engine_programs, engine_unit, follows_release
from windlass.domain.rendering.files import FOR_ROOT, HostFiles, RenderedFile
from windlass.domain.rendering.images import MirrorAddresses
from windlass.domain.rendering.machine_settings import imported_paths, own_files, registry_hosts, with_own_keys
from windlass.domain.rendering.proxy import proxy_files
from windlass.domain.rendering.stacks import host_stacks, render_stack
from windlass.domain.spec.machine import MachineSettings
from windlass.domain.spec.machine_settings import settings_of
from windlass.domain.spec.models import Cluster, Host

_EVERY_HOST = {"host/sysctl.conf": KERNEL_PARAMETERS, "host/daemon.json": DOCKER_DAEMON}
_NODES = {
    "host/modules.conf": KERNEL_MODULES,
    "host/containerd.toml": CONTAINERD_CONFIG,
    "host/windlass-containerd.service": f"{SYSTEMD}/windlass-containerd.service",
    "host/kubelet.yaml": KUBELET_CONFIG,
    "host/kubelet.service": f"{SYSTEMD}/kubelet.service",
}
_FOR_ROOT = frozenset({"host/kubelet.yaml", "host/kubelet.service"})


def render_host(
    cluster: Cluster, release: Release, host: Host, lock: Lock, mirror: MirrorAddresses, facts: HostFacts
) -> HostFiles:
    """Return every file that belongs on `host` besides keys, certificates and kubeconfigs, by absolute path.

    Equal arguments give equal bytes. SpecError if a template fails, IntegrityError if the lock lacks an image.
    """
    inputs = HostInputs(ClusterInputs(cluster, release, lock, mirror), host, facts)
    files: dict[str, RenderedFile] = {}
    for stack in host_stacks(cluster, host):
        files |= render_stack(stack, inputs)
    files |= _render(_EVERY_HOST, inputs)
    settings = settings_of(cluster, host)
    if host.is_node:
        files |= _render(_NODES, inputs, _of_containerd(settings))
        kubelet = files[KUBELET_CONFIG]
        files[KUBELET_CONFIG] = replace(kubelet, content=with_own_keys(kubelet.text, settings.kubelet).encode())
    if host.is_node and mirror.registry:
        registry_hosts = f"{REGISTRY_HOSTS}/{mirror.registry_host}/hosts.toml"
        files |= _render({"host/hosts.toml": registry_hosts}, inputs)
    if follows_release(facts, mirror):
        files[ENGINE_UNIT] = RenderedFile(engine_unit(engine_programs(release)).encode())
    return dict(sorted({**own_files(settings, host), **proxy_files(cluster, mirror), **files}.items()))


def _of_containerd(settings: MachineSettings) -> dict[str, Any]:
    return {"imports": imported_paths(settings), "registry_hosts": registry_hosts(settings)}


def _render(
    paths: dict[str, str], inputs: HostInputs, further: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, RenderedFile]:
    templates, context = inputs.whole.templates, {**inputs.context(), **further}
    context["flags"] = {"kubelet": component_flags("kubelet", templates, context)}
    modes = dict.fromkeys(_FOR_ROOT, FOR_ROOT)
    return {
        path: RenderedFile(templates.render(name, context).encode(), modes.get(name, RenderedFile.mode))
        for name, path in paths.items()
    }
