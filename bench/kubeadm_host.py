"""Prepares lab hosts for kubeadm, untimed: programs, containerd, kubelet's unit and all images are there afterwards."""

from __future__ import annotations

import json
import shlex
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from windlass.domain.artifacts import Artifact, Lock, parse_lock
from windlass.effects.ssh.connection import Connection, RemoteFile

SOCKET = "/run/twin/containerd.sock"
DIRECTORY = "/etc/twin"
PREPARE_LIMIT = timedelta(minutes=15)

# kubeadm writes the rest: the kubeconfigs, the kubelet's configuration and its flags.
_KUBELET_UNIT = """\
[Unit]
After=twin-containerd.service
[Service]
Environment=KUBECONFIGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/local/bin/kubelet $KUBECONFIGS --kubeconfig=/etc/kubernetes/kubelet.conf \\
    --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
"""

_CONTAINERD_UNIT = f"""\
[Unit]
After=network.target
[Service]
Type=notify
Environment=PATH=/opt/twin/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/opt/twin/bin/containerd --config {DIRECTORY}/containerd.toml
Delegate=yes
KillMode=process
Restart=always
[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Versions:
    """Which release of everything the twin runs; images are named by them in the mirror's registry."""

    kubernetes: str = "v1.37.2"
    etcd: str = "v3.7.3"
    coredns: str = "v1.14.7"
    coredns_tag: str = ""
    """The tag by which kubeadm is to know CoreDNS, if not by its version."""
    flannel: str = "v0.28.10"
    pause: str = "3.10"
    containerd: str = "v2.4.2"
    runc: str = "v1.5.3"
    cni_plugins: str = "v1.9.1"
    cni_plugin_flannel: str = "v1.9.1"


@dataclass(frozen=True)
class Mirror:
    """Where hosts get programs and images: the base URL of the files, and HOST:PORT of the registry (plain HTTP)."""

    files: str
    registry: str

    @property
    def repository(self) -> str:
        """The prefix of all image names."""
        return f"{self.registry}/windlass"

    def image(self, name: str, version: str) -> str:
        """Name an image as it is pulled."""
        return f"{self.repository}/{name}:{version}"

    def lock(self) -> Lock:
        """Read which digest each file has."""
        with urllib.request.urlopen(f"{self.files}/lock.json", timeout=10) as answer:  # noqa: S310 (the lab's own URL)
            return parse_lock(answer.read().decode())


def prepare(connection: Connection, mirror: Mirror, lock: Lock, versions: Versions, *, control_plane: bool) -> None:
    """Lay down what kubeadm finds on a host that was made for it; a second call changes nothing."""
    connection.put_tree("/", {path.lstrip("/"): RemoteFile(text.encode()) for path, text in _files(mirror, versions)})
    script = "\n".join(
        ["set -eu", *_programs(mirror, lock, versions), *_start(), *_pulls(mirror, versions, control_plane)]
    )
    connection.run(["sh"], sudo=True, stdin=script.encode(), timeout=PREPARE_LIMIT)


def _files(mirror: Mirror, versions: Versions) -> Iterator[tuple[str, str]]:
    yield f"{DIRECTORY}/containerd.toml", _containerd_config(mirror, versions)
    hosts = (
        f'server = "http://{mirror.registry}"\n[host."http://{mirror.registry}"]\ncapabilities = ["pull", "resolve"]\n'
    )
    yield f"{DIRECTORY}/certs.d/{mirror.registry}/hosts.toml", hosts
    yield "/etc/systemd/system/twin-containerd.service", _CONTAINERD_UNIT
    yield "/etc/systemd/system/kubelet.service", _KUBELET_UNIT
    # kubectl is run by root on the control plane.
    yield "/etc/sysctl.d/90-twin.conf", "net.ipv4.ip_forward = 1\n"


def _containerd_config(mirror: Mirror, versions: Versions) -> str:
    """Write containerd's configuration; its root is on a volume, as overlay file systems cannot lie on an overlay."""
    return f"""\
version = 3
root = "/var/lib/windlass/twin"
state = "/run/twin/state"
[grpc]
address = "{SOCKET}"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{mirror.image("pause", versions.pause)}"
[plugins."io.containerd.cri.v1.images".registry]
config_path = "{DIRECTORY}/certs.d"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/opt/cni/bin"]
conf_dir = "/etc/cni/net.d"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = true
BinaryName = "/opt/twin/bin/runc"
"""


def _programs(mirror: Mirror, lock: Lock, versions: Versions) -> Iterator[str]:
    """Fetch each file once by its digest, and put it where kubeadm looks for it."""
    yield "mkdir -p /opt/twin/bin /opt/twin/files /opt/cni/bin"
    yield (
        'fetch() { [ -e "/opt/twin/files/$2" ] || { curl -fsS --retry 3 -o "/opt/twin/files/$2.part" "$1"; '
        'echo "$2  /opt/twin/files/$2.part" | sha256sum --check --quiet; chmod 755 "/opt/twin/files/$2.part"; '
        'mv "/opt/twin/files/$2.part" "/opt/twin/files/$2"; }; }'
    )
    kubernetes = versions.kubernetes
    for name in ("kubelet", "kubeadm", "kubectl"):
        yield from _fetched(mirror, lock, name, kubernetes, f"ln -f {{}} /usr/local/bin/{name}")
    yield from _fetched(mirror, lock, "runc", versions.runc, "ln -f {} /opt/twin/bin/runc")
    yield from _fetched(mirror, lock, "containerd", versions.containerd, "tar -xf {} -C /opt/twin")
    yield from _fetched(mirror, lock, "cni-plugins", versions.cni_plugins, "tar -xf {} -C /opt/cni/bin")
    yield from _fetched(
        mirror, lock, "cni-plugin-flannel", versions.cni_plugin_flannel, "ln -f {} /opt/cni/bin/flannel"
    )


def _fetched(mirror: Mirror, lock: Lock, name: str, version: str, use: str) -> Iterator[str]:
    digest = lock.digest(Artifact("file", name, version)).removeprefix("sha256:")
    yield shlex.join(["fetch", f"{mirror.files}/files/{name}/{version}/{name}", digest])
    yield use.format(f"/opt/twin/files/{digest}")


def _start() -> Sequence[str]:
    return (
        "sysctl --quiet --load /etc/sysctl.d/90-twin.conf",
        "systemctl daemon-reload",
        "systemctl enable --quiet kubelet",
        "systemctl enable --quiet --now twin-containerd",
    )


def _pulls(mirror: Mirror, versions: Versions, control_plane: bool) -> Iterator[str]:  # noqa: FBT001 (a host is one or not)
    """Pull everything a host of its kind will run, as `kubeadm config images pull` does."""
    images = [
        mirror.image("pause", versions.pause),
        mirror.image("kube-proxy", versions.kubernetes),
        mirror.image("flannel", versions.flannel),
        mirror.image("coredns", versions.coredns),
    ]
    if control_plane:
        images.append(mirror.image("etcd", versions.etcd))
        parts = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
        images += [mirror.image(name, versions.kubernetes) for name in parts]
    ctr = f"/opt/twin/bin/ctr --address {SOCKET} --namespace k8s.io images"
    for image in images:
        yield f"{ctr} pull --hosts-dir {DIRECTORY}/certs.d {shlex.quote(image)} >/dev/null"
    if versions.coredns_tag:
        known = mirror.image("coredns", versions.coredns_tag)
        yield f"{ctr} tag --force {mirror.image('coredns', versions.coredns)} {known} >/dev/null"
    # kubeadm would look for the pause image under a tag of its own, and lose time over not finding it.
    listed = (
        f"kubeadm config images list --image-repository {mirror.repository} --kubernetes-version {versions.kubernetes}"
    )
    yield f"{ctr} tag --force {mirror.image('pause', versions.pause)} $({listed} | grep /pause:) >/dev/null"


def as_json(documents: Sequence[object]) -> bytes:
    """Write documents as JSON, one after another, which kubeadm and kubectl read as YAML."""
    return "\n---\n".join(json.dumps(document) for document in documents).encode()
