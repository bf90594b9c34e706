"""Scripts about a host that leaves the cluster, or a plane of it: what is left, stop it, take it away."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from windlass.domain.catalog.drivers import HostTraces
from windlass.domain.host.layout import (
    API_STOP_GRACE_SECONDS,
    AUDIT_LOGS,
    CLUSTER_LABEL,
    CLUSTER_MARK,
    CONTAINERD_ROOT,
    DATA,
    ETC,
    ETCD_DATA,
    KERNEL_MODULES,
    KUBELET_DATA,
    PKI,
    PROJECT_LABEL,
    RUN,
    SEALED_PKI,
    SYSTEMD,
    stack_directory,
)
from windlass.domain.scripts.driver_traces import trace_words
from windlass.domain.scripts.host_record import REMOVE_CGROUPS
from windlass.domain.scripts.script import CHANGED, Script
from windlass.domain.scripts.uninstall import END_RUNTIME, REMOVE_NETWORK

WHOLE = "the cluster from the host"
LAST_KEYS = {
    "etcd": f"{PKI}/etcd/peer.key",
    "control-plane": f"{PKI}/service-account.key",
    "node": f"{PKI}/kubelet-client.key",
}
"""The file of each plane that is taken away last of all: as long as it is there, something of the plane may be left."""
_LEFT = {
    "etcd": ("its etcd stack, data and keys", stack_directory("etcd")),
    "control-plane": ("its control-plane stack and keys", stack_directory("control-plane")),
    "node": ("its kubelet, the pods' runtime and its keys", f"{SYSTEMD}/kubelet.service"),
}
"""What is told of each plane, and a path that is there as long as it runs."""


def leftovers_script(cluster: str, planes: Iterable[str], *, is_whole: bool) -> Script:
    """Return the script that prints a change for everything of `cluster` that is left of what leaves a host.

    With `is_whole` the host itself leaves; else it gives up `planes`. A host that is another cluster's by now has
    nothing left of this one.
    """
    lines = [
        f"mark=$(cat {CLUSTER_MARK} 2>/dev/null)",
        f'case "$mark" in ""|{shlex.quote(cluster)}) ;; *) exit 0 ;; esac',
    ]
    if is_whole:
        label = shlex.quote(f"label={CLUSTER_LABEL}={cluster}")
        lines += [
            f"kept=$(ls -A {DATA} 2>/dev/null | grep -vx lost+found)",
            f"containers=$(docker ps -aq --filter {label} 2>/dev/null)",
            f'if [ -e {ETC} ] || [ -n "$kept$containers" ]; then echo "{CHANGED}{WHOLE}"; fi',
        ]
    else:
        for plane in sorted(planes):
            what, path = _LEFT[plane]
            lines.append(f'if [ -e {path} ] || [ -e {LAST_KEYS[plane]} ]; then echo "{CHANGED}{what}"; fi')
    arguments = {"cluster": cluster, "planes": tuple(sorted(planes)), "is_whole": is_whole}
    return Script("find-leftovers", arguments, "\n".join([*lines, ":"]) + "\n", is_look=True)


def stop_stack_script(stack: str) -> Script:
    """Return the script that stops the containers of a stack in their own time, and takes them away with its files."""
    filters = f"--filter label={PROJECT_LABEL}=windlass-{stack}"
    data = {"etcd": ETCD_DATA, "control-plane": f"{AUDIT_LOGS} {SEALED_PKI}"}[stack]
    text = f"""set -eu
# An engine of Windlass's is gone by now where a removal broke off behind it.
containers=; ! command -v docker >/dev/null || containers=$(docker ps -aq {filters})
if [ -n "$containers" ]; then
  docker stop -t {API_STOP_GRACE_SECONDS} $containers >/dev/null
  docker rm -fv $containers >/dev/null
  echo "{CHANGED}stack {stack}"
fi
rm -rf {stack_directory(stack)} {data}
"""
    return Script("stop-stack", {"stack": stack}, text)


def remove_files_script(paths: Iterable[str]) -> Script:
    """Return the script that takes away files that belong to planes that the host has given up: LAST_KEYS last."""
    listed = tuple(sorted(paths, key=lambda path: (path in LAST_KEYS.values(), path)))
    text = (
        f'for file in {shlex.join(listed)}; do [ ! -e "$file" ] || {{ rm -f "$file"; echo "{CHANGED}$file"; }}; done\n'
    )
    return Script("remove-files", {"paths": listed}, text)


def node_removal_script(pod_ranges: Sequence[str], traces: HostTraces) -> Script:
    """Return the script that takes kubelet, the pods' runtime, their network and `traces` off a host that stays."""
    words = trace_words(pod_ranges, traces)
    text = f"set -u\n{words}{END_RUNTIME}{REMOVE_CGROUPS}{_UNMOUNT}{REMOVE_NETWORK}{_REMOVE_FILES}"
    return Script("remove-node", {"pod_ranges": pod_ranges, "traces": traces}, text)


_UNMOUNT = f"""
awk '{{print $2}}' /proc/mounts | sort -r | while read -r path; do
  case $path in {KUBELET_DATA}/*|{RUN}/*|{CONTAINERD_ROOT}/*|/run/netns/cni-*) umount -l "$path" 2>/dev/null ;; esac
done
"""
"""What else is mounted there, such as etcd's data, is of a host that stays."""

_REMOVE_FILES = f"""
rm -rf {SYSTEMD}/kubelet.service {SYSTEMD}/windlass-containerd.service {ETC}/kubelet {ETC}/containerd
rm -rf $traces {KERNEL_MODULES}
for directory in {KUBELET_DATA} {CONTAINERD_ROOT}; do
  [ ! -d "$directory" ] || find "$directory" -mindepth 1 -maxdepth 1 -exec rm -rf {{}} + 2>/dev/null
done
systemctl daemon-reload
left=$(ls -A {KUBELET_DATA} {CONTAINERD_ROOT} 2>/dev/null | grep -v ':$' | grep .)
[ -z "$left" ] || {{ echo "could not remove: $left" >&2; exit 1; }}
"""
