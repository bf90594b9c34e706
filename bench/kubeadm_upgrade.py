"""The same upgrade by kubeadm, as its guide has it; the peer of `upgrade_cluster`.

Untimed: programs and images of both releases are on the hosts. Timed: `kubeadm upgrade apply` on the first control
plane, `kubeadm upgrade node` on every other host, and on each, one after another: drain, the new kubelet, uncordon.
kubeadm's own preflight is left out, in its favour: its trial Job waits a minute for a pause image that knows `-v`.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import timedelta

from bench.cluster_end import wait_until
from bench.kubeadm_host import Mirror, Versions, prepare
from bench.kubeadm_twin import KUBECTL, Twin
from windlass.effects.ssh.fan_out import on_each
from windlass.errors import WindlassError

# kubeadm moves CoreDNS only between versions that it knows: the one here passes for the one that it would install, so
# that it is not moved at all, as Windlass does not move it.
_COREDNS = "v1.14.6"
OLD = Versions(kubernetes="v1.36.3", etcd="v3.6.16", coredns_tag=_COREDNS)
NEW = Versions(coredns_tag=_COREDNS)
_STEP = timedelta(minutes=15)
_PROGRAMS = ("kubelet", "kubectl", "kubeadm")
_SKIP = ("--skip-phases=preflight", "--ignore-preflight-errors=all")
# A directory and no suffix: each program is told by its name what it is.
_NEW_PROGRAMS = "/opt/twin/new"


@dataclass(frozen=True)
class UpgradeTimes:
    """Seconds since the first command."""

    first_applied: float
    done: float


def lay_new_beside_old(twin: Twin) -> None:
    """Fetch programs and images of the new release, and leave the old ones where kubeadm and systemd find them."""
    lock = twin.mirror.lock()
    aside = "\n".join(f"cp -p /usr/local/bin/{one} /opt/twin/{one}.old" for one in _PROGRAMS)
    back = "\n".join(
        f"mv -f /usr/local/bin/{one} {_NEW_PROGRAMS}/{one}; mv /opt/twin/{one}.old /usr/local/bin/{one}"
        for one in _PROGRAMS
    )

    def one(name: str) -> None:
        host = twin.hosts[name]
        host.run(["sh", "-s"], sudo=True, stdin=f"set -eu\nmkdir -p {_NEW_PROGRAMS}\n{aside}\n".encode())
        prepare(
            host, Mirror(twin.lab.mirror_url, twin.lab.registry), lock, NEW, control_plane=twin.is_control_plane(name)
        )
        host.run(["sh", "-s"], sudo=True, stdin=f"set -eu\n{back}\n".encode())

    on_each(twin.names, one, doing="lay the new release down")
    _want_new_etcd(twin)


def _want_new_etcd(twin: Twin) -> None:
    """Name the new etcd in kubeadm's own settings: it was told which one to take, and would keep that."""
    read = [*KUBECTL, "-n", "kube-system", "get", "configmap", "kubeadm-config", "-o", "json"]
    found = json.loads(twin.first.run(read, sudo=True).stdout)
    text: str = found["data"]["ClusterConfiguration"]
    change = {"data": {"ClusterConfiguration": text.replace(OLD.etcd, NEW.etcd)}}
    patch = [*KUBECTL, "-n", "kube-system", "patch", "configmap", "kubeadm-config", "--patch-file", "/dev/stdin"]
    twin.first.run(patch, sudo=True, stdin=json.dumps(change).encode())


def upgrade(twin: Twin) -> UpgradeTimes:
    """Upgrade the cluster, host by host; return what it took."""
    first, *others = twin.names
    started = time.monotonic()
    kubeadm = f"{_NEW_PROGRAMS}/kubeadm"
    twin.first.run([kubeadm, "upgrade", "apply", NEW.kubernetes, "--yes", *_SKIP], sudo=True, timeout=_STEP)
    applied = time.monotonic() - started
    _change_kubelet(twin, first)
    for name in others:
        twin.hosts[name].run([kubeadm, "upgrade", "node", *_SKIP], sudo=True, timeout=_STEP)
        _change_kubelet(twin, name)
    return UpgradeTimes(applied, time.monotonic() - started)


def _change_kubelet(twin: Twin, name: str) -> None:
    drain = [*KUBECTL, "drain", name, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=5m"]
    twin.first.run(drain, sudo=True, timeout=_STEP)
    swap = "\n".join(
        f"cp -p {_NEW_PROGRAMS}/{one} /usr/local/bin/{one}.next; mv /usr/local/bin/{one}.next /usr/local/bin/{one}"
        for one in _PROGRAMS
    )
    twin.hosts[name].run(["sh", "-s"], sudo=True, stdin=f"set -eu\n{swap}\nsystemctl restart kubelet\n".encode())
    wait_until(lambda: _is_back(twin, name), f"{name} is not Ready by the new kubelet")
    twin.first.run([*KUBECTL, "uncordon", name], sudo=True)


def _is_back(twin: Twin, name: str) -> bool:
    desired = "{.status.nodeInfo.kubeletVersion} {.status.conditions[?(@.type=='Ready')].status}"
    argv = [*KUBECTL, "get", "node", name, "-o", f"jsonpath={desired}"]
    try:
        return twin.first.run(argv, sudo=True, check=False).stdout.split() == [NEW.kubernetes, "True"]
    except WindlassError:
        return False
