"""Scripts about a host that leaves the cluster, or a plane of it: what is left, stop it, take it away."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from windlass.domain.host.layout import (
    API_STOP_GRACE_SECONDS,
    AUDIT_LOGS,
    CLUSTER_LABEL,
    CLUSTER_MARK,
    CNI_CONFIG,
    CONTAINERD_ROOT,
    CONTAINERD_SOCKET,
    DATA,
    ETC,
    ETCD_DATA,
    KERNEL_MODULES,
    KUBELET_DATA,
    PROJECT_LABEL,
    RUN,
    SEALED_PKI,
    SYSTEMD,
    stack_directory,
)
from windlass.domain.scripts.script import CHANGED, Script

WHOLE = "the cluster from the host"
_LEFT = {
    "etcd": ("its etcd stack and data", stack_directory("etcd")),
    "control-plane": ("its control-plane stack", stack_directory("control-plane")),
    "node": ("its kubelet and the pods' runtime", f"{SYSTEMD}/kubelet.service"),
}
"""What is told of each plane, and the path that is there as long as it is."""


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
        lines += [f'[ ! -e {path} ] || echo "{CHANGED}{what}"' for what, path in (_LEFT[one] for one in sorted(planes))]
    arguments = {"cluster": cluster, "planes": tuple(sorted(planes)), "is_whole": is_whole}
    return Script("find-leftovers", arguments, "\n".join([*lines, ":"]) + "\n")


def stop_stack_script(stack: str) -> Script:
    """Return the script that stops the containers of a stack in their own time, and takes them away with its files."""
    filters = f"--filter label={PROJECT_LABEL}=windlass-{stack}"
    data = {"etcd": ETCD_DATA, "control-plane": f"{AUDIT_LOGS} {SEALED_PKI}"}[stack]
    text = f"""set -eu
containers=$(docker ps -aq {filters})
if [ -n "$containers" ]; then
  docker stop -t {API_STOP_GRACE_SECONDS} $containers >/dev/null
  docker rm -fv $containers >/dev/null
  echo "{CHANGED}stack {stack}"
fi
rm -rf {stack_directory(stack)} {data}
"""
    return Script("stop-stack", {"stack": stack}, text)


def remove_files_script(paths: Iterable[str]) -> Script:
    """Return the script that takes away files that belong to a plane that the host has given up."""
    listed = tuple(sorted(paths))
    text = (
        f'for file in {shlex.join(listed)}; do [ ! -e "$file" ] || {{ rm -f "$file"; echo "{CHANGED}$file"; }}; done\n'
    )
    return Script("remove-files", {"paths": listed}, text)


def node_removal_script(pod_cidr: str) -> Script:
    """Return the script that takes kubelet, the pods' runtime and their network off a host that stays."""
    return Script("remove-node", {"pod_cidr": pod_cidr}, f"pods={shlex.quote(pod_cidr)}\n{_REMOVE_NODE}")


_REMOVE_NODE = f"""set -u
stop_unit() {{
  [ -e {SYSTEMD}/$1.service ] || return 0
  systemctl disable --now --quiet "$1" 2>/dev/null; rm -f {SYSTEMD}/$1.service; echo "{CHANGED}unit $1"
}}
stop_unit kubelet
# The shims of pods outlive containerd on purpose; they end here, each by its id.
for pid in $(pgrep -f '^/.*containerd-shim-runc-v2 .*-address {CONTAINERD_SOCKET}'); do
  for child in $(pgrep -P "$pid"); do kill -9 "$child" 2>/dev/null; done
  kill -9 "$pid" 2>/dev/null
done
stop_unit windlass-containerd
awk '{{print $2}}' /proc/mounts | sort -r | while read -r path; do
  case $path in {KUBELET_DATA}/*|{RUN}/*|{CONTAINERD_ROOT}/*|/run/netns/cni-*) umount -l "$path" 2>/dev/null ;; esac
done
for namespace in $(ip netns list 2>/dev/null | awk '/^cni-/ {{print $1}}'); do ip netns delete "$namespace"; done
for link in flannel.1 cni0 $(ip -o link | awk -F'[ :@]+' '$2 ~ /^veth/ && /cni0|cni-/ {{print $2}}'); do
  ip link show "$link" >/dev/null 2>&1 && ip link delete "$link"
done
ip route show root "$pods" | awk '/ via / {{print $1}}' | while read -r route; do ip route delete "$route"; done
for tables in iptables ip6tables; do
  command -v $tables-save >/dev/null || continue
  rules=$($tables-save 2>/dev/null)
  case $rules in *KUBE-*|*CNI-*|*FLANNEL-*)
    printf '%s\n' "$rules" | grep -vE 'KUBE-|CNI-|FLANNEL-' | $tables-restore ;;
  esac
done
rm -rf {ETC}/kubelet {ETC}/containerd {CNI_CONFIG}/*flannel* /run/flannel {KERNEL_MODULES}
for directory in {KUBELET_DATA} {CONTAINERD_ROOT}; do
  [ ! -d "$directory" ] || find "$directory" -mindepth 1 -maxdepth 1 -exec rm -rf {{}} + 2>/dev/null
done
systemctl daemon-reload
left=$(ls -A {KUBELET_DATA} {CONTAINERD_ROOT} 2>/dev/null | grep -v ':$' | grep .)
[ -z "$left" ] || {{ echo "could not remove: $left" >&2; exit 1; }}
"""
