pods=10.244.0.0/16
set -u
stop_unit() {
  [ -e /etc/systemd/system/$1.service ] || return 0
  systemctl disable --now --quiet "$1" 2>/dev/null; rm -f /etc/systemd/system/$1.service; echo "changed: unit $1"
}
stop_unit kubelet
# The shims of pods outlive containerd on purpose; they end here, each by its id.
for pid in $(pgrep -f '^/.*containerd-shim-runc-v2 .*-address /run/windlass/containerd.sock'); do
  for child in $(pgrep -P "$pid"); do kill -9 "$child" 2>/dev/null; done
  kill -9 "$pid" 2>/dev/null
done
stop_unit windlass-containerd
awk '{print $2}' /proc/mounts | sort -r | while read -r path; do
  case $path in /var/lib/kubelet/*|/run/windlass/*|/var/lib/windlass/containerd/*|/run/netns/cni-*) umount -l "$path" 2>/dev/null ;; esac
done
for namespace in $(ip netns list 2>/dev/null | awk '/^cni-/ {print $1}'); do ip netns delete "$namespace"; done
for link in flannel.1 cni0 $(ip -o link | awk -F'[ :@]+' '$2 ~ /^veth/ && /cni0|cni-/ {print $2}'); do
  ip link show "$link" >/dev/null 2>&1 && ip link delete "$link"
done
ip route show root "$pods" | awk '/ via / {print $1}' | while read -r route; do ip route delete "$route"; done
for tables in iptables ip6tables; do
  command -v $tables-save >/dev/null || continue
  rules=$($tables-save 2>/dev/null)
  case $rules in *KUBE-*|*CNI-*|*FLANNEL-*)
    printf '%s
' "$rules" | grep -vE 'KUBE-|CNI-|FLANNEL-' | $tables-restore ;;
  esac
done
rm -rf /etc/windlass/kubelet /etc/windlass/containerd /etc/cni/net.d/*flannel* /run/flannel /etc/modules-load.d/windlass.conf
for directory in /var/lib/kubelet /var/lib/windlass/containerd; do
  [ ! -d "$directory" ] || find "$directory" -mindepth 1 -maxdepth 1 -exec rm -rf {} + 2>/dev/null
done
systemctl daemon-reload
left=$(ls -A /var/lib/kubelet /var/lib/windlass/containerd 2>/dev/null | grep -v ':$' | grep .)
[ -z "$left" ] || { echo "could not remove: $left" >&2; exit 1; }
