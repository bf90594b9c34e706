"""Checks of the settings of machines: containerd's imports, kernel parameters, files of one's own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from posixpath import normpath
from typing import Any

from windlass.domain.host.layout import (
    AUDIT_LOGS,
    CNI_CONFIG,
    DATA,
    DOCKER_DAEMON,
    DOCKER_PLUGINS,
    ETC,
    KERNEL_MODULES,
    KERNEL_PARAMETERS,
    KUBELET_DATA,
    OWN_PARAMETERS,
    PROGRAMS,
    SYSTEMD,
)
from windlass.domain.spec.checks.syntax import is_proxy_url, wrong_label
from windlass.domain.spec.hosts import Proxy
from windlass.domain.spec.machine_settings import places, settings_of
from windlass.domain.spec.models import Cluster, MachineSettings, Network, OwnFile
from windlass.domain.spec.problem import Path, Problem
from windlass.domain.spec.references import is_reference

PATH = re.compile(r"(/[A-Za-z0-9._@:+=,~-]+)+")
PATTERN = re.compile(r"(/[A-Za-z0-9._*-]+)+")
_INSIDE = re.compile(r"[A-Za-z0-9.:/_-]+")
MODE = re.compile(r"0?[0-7]{3}")
OWNER = re.compile(r"[a-z_0-9][a-z0-9_.-]*:[a-z_0-9][a-z0-9_.-]*")
PARAMETER = re.compile(r"[a-z0-9][A-Za-z0-9_-]*([./][A-Za-z0-9_*:@-]+)+")
_MOST_BYTES = 256 * 1024
_INSTEAD: Mapping[str, str] = {
    f"{ETC}/": "everything there is Windlass's; take another path",
    f"{DATA}/": "everything there is Windlass's; take another path",
    f"{PROGRAMS}/": "everything there is Windlass's; take another path",
    f"{KUBELET_DATA}/": "everything there is kubelet's; take another path",
    "/var/lib/docker/": "everything there is Docker's; take another path",
    f"{DOCKER_PLUGINS}/": "Windlass places Docker's plugins there; take another path",
    f"{CNI_CONFIG}/": "the network driver writes there; bring your driver's files by spec.manifests",
    f"{AUDIT_LOGS}/": "API servers write there; take another path",
    f"{SYSTEMD}/kubelet.service": "set spec.kubelet or spec.components.kubelet.extraArgs",
    f"{SYSTEMD}/windlass-": "set spec.containerd",
    f"{SYSTEMD}/docker.service.d/90-windlass": "set spec.hosts.proxy",
    "/usr/lib/systemd/system/kubelet.service": "set spec.kubelet or spec.components.kubelet.extraArgs",
    DOCKER_DAEMON: "Docker's settings there stay the host's owner's; Windlass only adds to them",
    KERNEL_PARAMETERS: "set spec.sysctls",
    OWN_PARAMETERS: "set spec.sysctls",
    KERNEL_MODULES: "take another file in /etc/modules-load.d",
    **dict.fromkeys(
        ("/proc/", "/sys/", "/dev/", "/run/", "/var/run/", "/tmp/"),  # noqa: S108  these are refused
        "it would not outlive a reboot; take a path on a disk, for kernel parameters spec.sysctls",
    ),
}
"""Where no file of one's own may lie, by the beginning of its path, and what to do instead."""
_NEEDED = {
    "net.ipv4.ip_forward": "1",
    "net.bridge.bridge-nf-call-iptables": "1",
    "net.bridge.bridge-nf-call-ip6tables": "1",
}
_NEEDED_OF_IPV6 = {"net.ipv6.conf.all.forwarding": "1"}
_KUBELETS = {"vm.overcommit_memory": "1", "vm.panic_on_oom": "0", "kernel.panic": "10", "kernel.panic_on_oops": "1"}
"""What kubelet sets by itself when it starts: https://github.com/kubernetes/kubernetes/blob/v1.37.0/pkg/kubelet/cm/container_manager_linux.go"""
_RUNTIME = ("plugins", "io.containerd.cri.v1.runtime")
_OWN_TOML: tuple[tuple[tuple[str, ...], str], ...] = (
    (("imports",), "list all of them under spec.containerd.imports"),
    (("root",), "Windlass cleans hosts and measures their room by it; leave it out"),
    (("state",), "Windlass cleans hosts by it; leave it out"),
    (("grpc",), "kubelet and Windlass ask containerd there; leave it out"),
    (
        ("plugins", "io.containerd.cri.v1.images", "registry"),
        "write hosts.toml under spec.files, as /etc/containerd/certs.d/REGISTRY/hosts.toml",
    ),
    (("plugins", "io.containerd.cri.v1.images", "pinned_images"), "it is the catalog's; leave it out"),
    ((*_RUNTIME, "cni"), "the network driver's files lie there; leave it out"),
    ((*_RUNTIME, "containerd", "runtimes", "runc"), "it is Windlass's; give your runtime another name"),
)
"""What an import of containerd may not set, and what to do instead."""


def machine_settings(cluster: Cluster) -> Iterator[Problem]:
    """Yield what is wrong with the settings of machines; stored specs are not asked."""
    for place, settings, host in places(cluster):
        yield from _imports(settings, (*place, "containerd"))
        yield from _parameters(settings, (*place, "sysctls"), cluster.spec.network)
        yield from _files(settings, (*place, "files"))
        if host is not None and not host.is_node and (settings.kubelet or settings.containerd.imports):
            yield Problem(place, f"{host.name} has only the role etcd, and runs no kubelet", "give it another role")
    yield from _together(cluster)
    yield from _proxy(cluster.spec.hosts.proxy)


def _proxy(proxy: Proxy) -> Iterator[Problem]:
    path: Path = ("spec", "hosts", "proxy")
    for key, value in (("httpProxy", proxy.http_proxy), ("httpsProxy", proxy.https_proxy)):
        if value is not None and not is_reference(value) and not (isinstance(value, str) and is_proxy_url(value)):
            right = "write http://HOST:PORT; one with a login is a reference to a secret"
            yield Problem((*path, key), "it is no URL of a proxy", right)
    for index, one in enumerate(proxy.no_proxy):
        if not _INSIDE.fullmatch(one):
            wrong = f"`{one}` is no name, domain, address or range"
            yield Problem((*path, "noProxy", index), wrong, "write such as .example.com or 192.0.2.0/24")


def _imports(settings: MachineSettings, path: Path) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, one in enumerate(settings.containerd.imports):
        here = (*path, "imports", index)
        if wrong := wrong_label(one.name):
            yield Problem((*here, "name"), *wrong)
        if one.name in seen:
            yield Problem((*here, "name"), f"`{one.name}` is given twice", "give each import its own name")
        seen.add(one.name)
        if wrong := wrong_toml(one.content):
            yield Problem((*here, "content"), *wrong)
    for index, pattern in enumerate(settings.containerd.paths):
        if not PATTERN.fullmatch(pattern) or "*" not in pattern or f"{normpath(pattern)}" != pattern:
            no_pattern = f"`{pattern}` is no absolute path with a `*` in it"
            right = "containerd does not start while a file without `*` is missing; write /etc/containerd/conf.d/*.toml"
            yield Problem((*path, "paths", index), no_pattern, right)
        elif pattern.startswith((f"{ETC}/", f"{DATA}/")):
            yield Problem((*path, "paths", index), "everything there is Windlass's", "take another path")


def wrong_toml(content: str) -> tuple[str, str] | None:
    """Say what keeps a text from being an import of containerd."""
    try:
        settings = tomllib.loads(content)
    except RecursionError:
        return "it is nested too deep", "containerd would not start with it; correct it"
    except tomllib.TOMLDecodeError as error:
        return f"it is no TOML: {error}", "containerd would not start with it; correct it"
    if settings.get("version") != 3:
        return "it does not say `version = 3`", "begin with that line, and write the settings as that version has them"
    for keys, right in _OWN_TOML:
        if _has(settings, keys):
            return f"it sets {'.'.join(keys)}", right
    return None


def _has(settings: Any, keys: tuple[str, ...]) -> bool:
    for key in keys:
        if not isinstance(settings, Mapping) or key not in settings:
            return False
        settings = settings[key]
    return True


def _parameters(settings: MachineSettings, path: Path, network: Network) -> Iterator[Problem]:
    all_needed = _NEEDED | (_NEEDED_OF_IPV6 if network.pod_range(6) else {})
    for name, value in settings.sysctls.items():
        here = (*path, name)
        if not PARAMETER.fullmatch(name) or "*" in name:
            yield Problem(here, f"`{name}` names no kernel parameter", "write it as sysctl does: net.core.somaxconn")
        elif isinstance(value, bool) or not isinstance(value, int | str) or value == "":
            yield Problem(here, "the value is neither a number nor text", "write a number, or text in quotes")
        elif (needed := all_needed.get(name)) is not None and str(value) != needed:
            yield Problem(here, f"pods reach nothing unless it is {needed}", "leave it out")
        elif (needed := _KUBELETS.get(name)) is not None and str(value) != needed:
            yield Problem(here, f"kubelet sets it to {needed} whenever it starts", "leave it out")


def _files(settings: MachineSettings, path: Path) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, file in enumerate(settings.files):
        here = (*path, index)
        if wrong := wrong_path(file.path):
            yield Problem((*here, "path"), *wrong)
        elif file.path in seen:
            yield Problem((*here, "path"), f"`{file.path}` is given twice", "give each file once")
        seen.add(file.path)
        yield from _content(file, here)
        if not OWNER.fullmatch(file.owner):
            yield Problem((*here, "owner"), f"`{file.owner}` names no user and group", "write `user:group`")


def wrong_path(path: str) -> tuple[str, str] | None:
    """Say what keeps a path from being that of a file of one's own."""
    if not PATH.fullmatch(path) or normpath(path) != path:
        return f"`{path}` is no absolute path of plain characters", "write one such as /etc/multipath.conf"
    for start, right in _INSTEAD.items():
        if path.startswith(start) or start.startswith(f"{path}/") or f"{path}/" == start:
            return f"`{path}` is not for files of your own", right
    return None


def _content(file: OwnFile, path: Path) -> Iterator[Problem]:
    is_secret = is_reference(file.content)
    if not is_secret and not isinstance(file.content, str):
        wrong = "the content is neither text nor a reference to a secret"
        yield Problem((*path, "content"), wrong, "write text after `|`, or {fromVariable: windlass_secret_NAME}")
    elif isinstance(file.content, str) and len(file.content.encode()) > _MOST_BYTES:
        wrong = f"the content has more than {_MOST_BYTES // 1024} KiB"
        yield Problem((*path, "content"), wrong, "bring what is larger in the image of the host")
    if file.mode is None:
        return
    if not MODE.fullmatch(file.mode):
        yield Problem((*path, "mode"), f"`{file.mode}` is no mode", 'write octal digits in quotes, such as "0644"')
    elif is_secret and int(file.mode, 8) & 0o007:
        yield Problem((*path, "mode"), "everybody on the host could read the secret", 'write "0600" or "0640"')


def _together(cluster: Cluster) -> Iterator[Problem]:
    """Yield files of one host of which one would be a directory of the other."""
    told: set[tuple[str, str]] = set()
    for index, host in enumerate(cluster.spec.hosts.members):
        paths = sorted(file.path for file in settings_of(cluster, host).files)
        for above in paths:
            for below in paths:
                if below.startswith(f"{above}/") and (above, below) not in told:
                    told.add((above, below))
                    wrong = f"`{above}` is a file and a directory of `{below}` at once on {host.name}"
                    yield Problem(("spec", "hosts", "members", index), wrong, "give one of them another path")
