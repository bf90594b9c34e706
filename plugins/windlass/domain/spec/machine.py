"""Settings of the machines below a cluster's nodes: for all, by role and by host, and how these go together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from windlass.domain.spec.base import Many, Section, section, setting


class ContainerdImport(Section):
    """One file of settings that containerd reads after its own."""

    name: str = Field(description="Name of the file, without `.toml`: lower-case letters, digits and `-`.")
    content: str = Field(description="The settings, as TOML of containerd's configuration version 3.", min_length=1)


class Containerd(Section):
    """What containerd, the pods' runtime, reads besides what Windlass writes."""

    imports: Many[ContainerdImport] = setting([], "Settings of your own, such as a runtime for GPUs.")
    paths: Many[str] = setting(
        [],
        "Patterns (with `*`) of files that others write on the host and containerd is to read, such as "
        "`/etc/containerd/conf.d/*.toml` of an operator for GPUs.",
    )


class OwnFile(Section):
    """A file of your own on hosts."""

    path: str = Field(description="Absolute path of the file.")
    content: Any = Field(description="Its content: a text, or a reference to a secret, see docs/secrets.md.")
    mode: str | None = setting(
        None, 'Its mode, as octal digits in quotes, such as "0644"; null: 0644, and 0600 where it is a secret.'
    )
    owner: str = setting("root:root", "User and group that own it.")


_KUBELET = (
    "Keys of KubeletConfiguration. A mapping goes together with Windlass's own key by key, all else takes its place; "
    "null takes a key away, so that kubelet's own default holds."
)
_SYSCTLS = "Kernel parameters and their values, such as `net.core.somaxconn: 4096`."
_FILES = "Files of your own. One that leaves the spec leaves the host; what lay there before comes back."


class MachineSettings(Section):
    """What is set on machines besides what Windlass sets by itself."""

    kubelet: dict[str, Any] = setting({}, _KUBELET)
    containerd: Containerd = section(Containerd, "What containerd reads besides.")
    sysctls: dict[str, Any] = setting({}, _SYSCTLS)
    files: Many[OwnFile] = setting([], _FILES)


def own_kubelet() -> Any:
    """Return the field of kubelet's keys, of whatever has settings of machines."""
    return setting({}, _KUBELET)


def own_sysctls() -> Any:
    """Return the field of kernel parameters, of whatever has settings of machines."""
    return setting({}, _SYSCTLS)


def own_files() -> Any:
    """Return the field of files of one's own, of whatever has settings of machines."""
    return setting([], _FILES)


def merged(settings: Iterator[MachineSettings]) -> MachineSettings:
    """Return what holds where several settings hold, the later before the earlier.

    Mappings of kubelet's keys go together at every depth, all else is replaced: kernel parameters by name, files by
    path, imports of containerd by name. Patterns of paths are united.
    """
    kubelet: dict[str, Any] = {}
    sysctls: dict[str, Any] = {}
    files: dict[str, OwnFile] = {}
    imports: dict[str, ContainerdImport] = {}
    paths: dict[str, None] = {}
    for one in settings:
        kubelet = deep_merged(kubelet, one.kubelet)
        sysctls |= one.sysctls
        files |= {file.path: file for file in one.files}
        imports |= {each.name: each for each in one.containerd.imports}
        paths |= dict.fromkeys(one.containerd.paths)
    containerd = Containerd(imports=tuple(imports.values()), paths=tuple(paths))
    return MachineSettings(kubelet=kubelet, sysctls=sysctls, files=tuple(files.values()), containerd=containerd)


def deep_merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return both mappings together: mappings in them go together too, of all else the later holds."""
    together = dict(before)
    for key, value in after.items():
        mine = together.get(key)
        if isinstance(mine, Mapping) and isinstance(value, Mapping):
            together[key] = deep_merged(mine, value)
        else:
            together[key] = value
    return together
