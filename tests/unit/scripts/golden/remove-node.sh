set -u
pods=10.244.0.0/16
links='cni0 kube-ipvs0 flannel.1'
routes=flannel
chains='KUBE|CNI|FLANNEL'
nft_tables=kube-proxy
traces='/etc/cni/net.d/*flannel*'

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
# Kubelet makes them for pods, and leaves them.
slices=$(systemctl list-units --all --plain --no-legend --type=slice 'kubepods*' 2>/dev/null | awk '{print $1}')
[ -z "$slices" ] || { systemctl stop $slices 2>/dev/null; gone "cgroup slices"; }

# A host without nft has one in images of pods, as long as they are mounted.
nft=$(command -v nft || ls -d /run/windlass/containerd/io.containerd.runtime.v2.task/k8s.io/*/rootfs/usr/sbin/nft 2>/dev/null | head -n 1)
case $nft in
  /run/windlass/containerd/*) remove_table() { chroot "${nft%/usr/sbin/nft}" /usr/sbin/nft delete table $1 $2; } ;;
  *) remove_table() { "$nft" delete table $1 $2; } ;;
esac

for table in $nft_tables; do
  for family in ip ip6 inet; do
    [ -z "$nft" ] || { remove_table $family $table 2>/dev/null && gone "nft table $family $table"; }
  done
done

# What was killed takes a moment to leave its cgroup.
for try in 1 2 3 4 5 6; do
  left=
  for path in /sys/fs/cgroup/kubepods.slice /sys/fs/cgroup/docker /sys/fs/cgroup/*/kubepods.slice /sys/fs/cgroup/*/docker; do
    [ -d "$path" ] && ! grep -qsxF "$path" /etc/windlass/before/cgroups || continue
    case $path in
      # Containers take theirs with them; of others' there may be some by now.
      */docker) rmdir "$path" 2>/dev/null ;;
      *) find "$path" -depth -type d -exec rmdir {} + 2>/dev/null; [ ! -d "$path" ] || left=yes ;;
    esac
  done
  [ -n "$left" ] || break
  sleep 0.5
done

awk '{print $2}' /proc/mounts | sort -r | while read -r path; do
  case $path in /var/lib/kubelet/*|/run/windlass/*|/var/lib/windlass/containerd/*|/run/netns/cni-*) umount -l "$path" 2>/dev/null ;; esac
done

for namespace in $(ip netns list 2>/dev/null | awk '/^cni-/ {print $1}'); do ip netns delete "$namespace"; done
for link in $links \
  $(ip -o link | awk -F'[ :@]+' '$2 ~ /^veth/ && /cni0|cni-/ {print $2}'); do
  ip link show "$link" >/dev/null 2>&1 && ip link delete "$link" && gone "interface $link"
done
{
  ip route | grep -E " dev ($routes)|proto ($routes)" | awk '{print $1}'
  ip -6 route 2>/dev/null | grep -E " dev ($routes)|proto ($routes)" | awk '{print $1}'
  for range in $pods; do
    case $range in *:*) ip -6 route show root "$range" ;; *) ip route show root "$range" ;; esac
  done | awk '/ via / {print $1}'
} | sort -u | while read -r route; do ip route delete "$route" && gone "route $route"; done

for tables in iptables ip6tables; do
  command -v $tables-save >/dev/null || continue
  rules=$($tables-save 2>/dev/null)
  kept=$(printf '%s\n' "$rules" | grep -vE "(^:|^-A | -[jg] )($chains)-")
  [ "$kept" = "$rules" ] || { printf '%s\n' "$kept" | $tables-restore && gone "$tables chains"; }
done

rm -rf /etc/systemd/system/kubelet.service /etc/systemd/system/windlass-containerd.service /etc/windlass/kubelet /etc/windlass/containerd
rm -rf $traces /etc/modules-load.d/windlass.conf
for directory in /var/lib/kubelet /var/lib/windlass/containerd; do
  [ ! -d "$directory" ] || find "$directory" -mindepth 1 -maxdepth 1 -exec rm -rf {} + 2>/dev/null
done
systemctl daemon-reload
left=$(ls -A /var/lib/kubelet /var/lib/windlass/containerd 2>/dev/null | grep -v ':$' | grep .)
[ -z "$left" ] || { echo "could not remove: $left" >&2; exit 1; }
