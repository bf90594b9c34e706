"""Files from the spec's own settings of machines: kubelet's keys, containerd's imports, kernel parameters, files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from windlass.domain.host.layout import (
    CONTAINERD_IMPORTS,
    DOCKER_PROXY,
    OWN_PARAMETERS,
    OWN_REGISTRY_HOSTS,
    PROXY_ENVIRONMENT,
    REGISTRY_HOSTS,
)
from windlass.domain.rendering.files import FOR_ROOT, RenderedFile
from windlass.domain.spec.machine import MachineSettings, OwnFile, deep_merged
from windlass.domain.spec.machine_settings import settings_of
from windlass.domain.spec.models import Cluster, Host
from windlass.domain.spec.references import RevealedText, is_reference
from windlass.domain.yamltext import read_yaml

_WRITTEN = "# Written by Windlass, which puts changes back.\n"


def own_files(settings: MachineSettings, host: Host) -> dict[str, RenderedFile]:
    """Return every file that is there only because the spec asks for it, by its path."""
    files = {file.path: _own_file(file) for file in settings.files}
    if settings.sysctls:
        lines = "".join(f"{name} = {value}\n" for name, value in settings.sysctls.items())
        files[OWN_PARAMETERS] = RenderedFile(f"# The spec's own kernel parameters.\n{_WRITTEN}{lines}".encode())
    if host.is_node:
        imports = settings.containerd.imports
        files |= {import_path(one.name): RenderedFile(one.content.encode(), FOR_ROOT) for one in imports}
    return files


def own_paths(cluster: Cluster, host: Host) -> frozenset[str]:
    """Return the paths of all files that are on `host` only because the spec asks for them."""
    proxy = (PROXY_ENVIRONMENT, DOCKER_PROXY) if cluster.spec.hosts.proxy.is_set else ()
    return frozenset((*own_files(settings_of(cluster, host), host), *proxy))


def import_path(name: str) -> str:
    """Return where an import of containerd lies."""
    return f"{CONTAINERD_IMPORTS}/{name}.toml"


def imported_paths(settings: MachineSettings) -> tuple[str, ...]:
    """Return what containerd reads besides its own settings, in this order: the later holds."""
    return (*settings.containerd.paths, *(import_path(one.name) for one in settings.containerd.imports))


def registry_hosts(settings: MachineSettings) -> str:
    """Return where containerd looks for what it is told of registries: the first directory that has one counts."""
    has_own = any(file.path.startswith(f"{OWN_REGISTRY_HOSTS}/") for file in settings.files)
    return f"{REGISTRY_HOSTS}:{OWN_REGISTRY_HOSTS}" if has_own else REGISTRY_HOSTS


def with_own_keys(rendered: str, own: Mapping[str, Any]) -> str:
    """Return kubelet's configuration with the spec's own keys in it; as it was `rendered` where there are none."""
    if not own:
        return rendered
    together = without_nulls(deep_merged(read_yaml(rendered), own))
    return _WRITTEN + yaml.safe_dump(together, sort_keys=False, allow_unicode=True)


def without_nulls(value: Any) -> Any:
    """Return a value without the keys that are null, at every depth."""
    if not isinstance(value, Mapping):
        return value
    return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}


def _own_file(file: OwnFile) -> RenderedFile:
    content = file.content
    # A reference that nobody put a value in for stands for a file of which only the place counts.
    text = "" if is_reference(content) else str(content)
    return RenderedFile(text.encode(), file_mode(file), file.owner)


def file_mode(file: OwnFile) -> int:
    """Return the mode of a file: what the spec says, else what is right for its content."""
    if file.mode is not None:
        return int(file.mode, 8)
    return FOR_ROOT if isinstance(file.content, RevealedText) or is_reference(file.content) else RenderedFile.mode
