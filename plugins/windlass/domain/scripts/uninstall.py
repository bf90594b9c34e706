"""The shell script that takes a cluster off a host and gives the host back as it was."""

from __future__ import annotations

import shlex

from windlass.domain.host.layout import CLUSTER_LABEL
from windlass.domain.scripts.script import Script


def removal_script(pod_cidr: str) -> Script:
    """Return the script; routes into `pod_cidr`, which host-gw lays over the host's own interface, go as well."""
    return Script("remove-cluster", {"pod_cidr": pod_cidr}, f"pods={shlex.quote(pod_cidr)}\n{_TEXT}")


_TEXT = r"""
set -u
gone() { echo "changed: $1"; }

stop_unit() {
  [ -e "/etc/systemd/system/$1.service" ] || return 0
  systemctl disable --now --quiet "$1" 2>/dev/null; gone "unit $1"
}
stop_unit kubelet
# The shims of pods outlive containerd on purpose; they end here, each by its id and with what it mounted.
for pid in $(pgrep -f '^/.*containerd-shim-runc-v2 .*-address /run/windlass/containerd.sock'); do
  for child in $(pgrep -P "$pid"); do kill -9 "$child" 2>/dev/null; done
  kill -9 "$pid" 2>/dev/null
done
stop_unit windlass-containerd

if command -v docker >/dev/null; then
  # Windlass's own also where their labels were lost; the user's by the label that all of them carry.
  own=$(docker ps -a --filter label=CLUSTER_LABEL --format '{{.Label "com.docker.compose.project"}}' | sort -u)
  for project in $(printf '%s\n' windlass-etcd windlass-control-plane windlass-api-proxy $own | sort -u); do
    containers=$(docker ps -aq --filter "label=com.docker.compose.project=$project")
    [ -z "$containers" ] || { docker rm -fv $containers >/dev/null && gone "stack ${project#windlass-}"; }
  done
fi

# Deepest first; a volume that the host itself mounts at one of these directories stays.
awk '{print $2}' /proc/mounts | sort -r | while read -r path; do
  case $path in
    /var/lib/kubelet/*|/run/windlass/*|/var/lib/windlass/*|/run/netns/cni-*) umount -l "$path" 2>/dev/null ;;
  esac
done
for namespace in $(ip netns list 2>/dev/null | awk '/^cni-/ {print $1}'); do ip netns delete "$namespace"; done
for link in flannel.1 cni0 kube-ipvs0 $(ip -o link | awk -F'[ :@]+' '$2 ~ /^veth/ && /cni0|cni-/ {print $2}'); do
  ip link show "$link" >/dev/null 2>&1 && ip link delete "$link" && gone "interface $link"
done
{
  ip route | awk '/ dev flannel/ || /proto flannel/ {print $1}'
  ip route show root "$pods" | awk '/ via / {print $1}'
} | sort -u | while read -r route; do ip route delete "$route" && gone "route $route"; done

for tables in iptables ip6tables; do
  command -v $tables-save >/dev/null || continue
  rules=$($tables-save 2>/dev/null)
  case $rules in *KUBE-*|*CNI-*|*FLANNEL-*)
    printf '%s\n' "$rules" | grep -vE 'KUBE-|CNI-|FLANNEL-' | $tables-restore && gone "$tables chains" ;;
  esac
done
command -v nft >/dev/null && nft delete table ip kube-proxy 2>/dev/null && gone "nft table kube-proxy"

rm -rf /etc/systemd/system/kubelet.service /etc/systemd/system/kubelet.service.d \
  /etc/systemd/system/windlass-containerd.service /etc/cni/net.d/*windlass* /etc/cni/net.d/*flannel* \
  /etc/sysctl.d/*windlass* /etc/modules-load.d/windlass* /opt/windlass /opt/cni/bin /var/log/windlass /run/flannel \
  /usr/local/lib/docker/cli-plugins/docker-compose /run/windlass
[ ! -e /etc/windlass ] || gone "files"
rm -rf /etc/windlass
for directory in /var/lib/windlass /var/lib/kubelet /var/lib/cni; do
  [ -d "$directory" ] || continue
  find "$directory" -mindepth 1 -maxdepth 1 -exec rm -rf {} + 2>/dev/null
  rmdir "$directory" 2>/dev/null
done
systemctl daemon-reload
left=$(ls -A /var/lib/windlass /var/lib/kubelet 2>/dev/null | grep -v ':$' | grep .)
[ -z "$left" ] || { echo "could not remove: $left" >&2; exit 1; }
""".replace("CLUSTER_LABEL", CLUSTER_LABEL)
"""Prints `changed: WHAT` for everything that it took away; a second run prints nothing. Docker Engine stays."""
