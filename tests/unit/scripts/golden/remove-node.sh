set -u
pods=10.244.0.0/16

gone() { echo "changed: $1"; }

stop_unit() {
  [ -e "/etc/systemd/system/$1.service" ] || systemctl is-active --quiet "$1" || return 0
  systemctl disable --now --quiet "$1" 2>/dev/null; gone "unit $1"
}
stop_unit kubelet
# The shims of pods outlive containerd on purpose; they end here, each by its id and with what it mounted.
for pid in $(pgrep -f '^/.*containerd-shim-runc-v2 .*-address /run/windlass/containerd.sock'); do
  for child in $(pgrep -P "$pid"); do kill -9 "$child" 2>/dev/null; done
  kill -9 "$pid" 2>/dev/null
done
stop_unit windlass-containerd
# Of a shim that ended before them the processes of pods are left: their root is one of our containerd's.
for file in $(grep -lsE '^[0-9]+ [0-9]+ [^ ]+ [^ ]+ / .*/var/lib/windlass/containerd/' /proc/[0-9]*/mountinfo); do
  pid=${file#/proc/}; kill -9 "${pid%/mountinfo}" 2>/dev/null
done


awk '{print $2}' /proc/mounts | sort -r | while read -r path; do
  case $path in /var/lib/kubelet/*|/run/windlass/*|/var/lib/windlass/containerd/*|/run/netns/cni-*) umount -l "$path" 2>/dev/null ;; esac
done

for namespace in $(ip netns list 2>/dev/null | awk '/^cni-/ {print $1}'); do ip netns delete "$namespace"; done
for link in flannel.1 flannel-v6.1 cni0 kube-ipvs0 \
  $(ip -o link | awk -F'[ :@]+' '$2 ~ /^veth/ && /cni0|cni-/ {print $2}'); do
  ip link show "$link" >/dev/null 2>&1 && ip link delete "$link" && gone "interface $link"
done
{
  ip route | awk '/ dev flannel/ || /proto flannel/ {print $1}'
  ip -6 route 2>/dev/null | awk '/ dev flannel/ || /proto flannel/ {print $1}'
  for range in $pods; do
    case $range in *:*) ip -6 route show root "$range" ;; *) ip route show root "$range" ;; esac
  done | awk '/ via / {print $1}'
} | sort -u | while read -r route; do ip route delete "$route" && gone "route $route"; done

for tables in iptables ip6tables; do
  command -v $tables-save >/dev/null || continue
  rules=$($tables-save 2>/dev/null)
  case $rules in *KUBE-*|*CNI-*|*FLANNEL-*)
    printf '%s\n' "$rules" | grep -vE 'KUBE-|CNI-|FLANNEL-' | $tables-restore && gone "$tables chains" ;;
  esac
done
for family in ip ip6; do
  command -v nft >/dev/null && nft delete table $family kube-proxy 2>/dev/null && gone "nft table $family kube-proxy"
done


rm -rf /etc/systemd/system/kubelet.service /etc/systemd/system/windlass-containerd.service /etc/windlass/kubelet /etc/windlass/containerd
rm -rf /etc/cni/net.d/*flannel* /run/flannel /etc/modules-load.d/windlass.conf
for directory in /var/lib/kubelet /var/lib/windlass/containerd; do
  [ ! -d "$directory" ] || find "$directory" -mindepth 1 -maxdepth 1 -exec rm -rf {} + 2>/dev/null
done
systemctl daemon-reload
left=$(ls -A /var/lib/kubelet /var/lib/windlass/containerd 2>/dev/null | grep -v ':$' | grep .)
[ -z "$left" ] || { echo "could not remove: $left" >&2; exit 1; }
