set -u
umask 077
record=/etc/windlass/before
if [ ! -e $record/complete ]; then
  ( umask 022; mkdir -p "${record%/*}" )
  # One that was broken off is begun anew: until it is complete nothing is changed.
  rm -rf $record; mkdir $record || exit 1
  for path in /etc/docker /etc/cni /etc/cni/net.d /etc/modules-load.d /etc/sysctl.d /etc/systemd/system/docker.service.d /opt /opt/cni /opt/containerd /opt/containerd/bin /opt/containerd/lib /lib/modules /usr/lib/modules /run/netns /usr/local/lib/docker /usr/local/lib/docker/cli-plugins /var/lib/kubelet /var/lib/cni /opt/cni/bin /usr/libexec/kubernetes /var/log/containers /var/log/pods /run/containerd /run/nri; do
    [ -e "$path" ] || [ -L "$path" ] || echo "$path" >>$record/absent
  done
  for path in /etc/docker /etc/cni /etc/cni/net.d /etc/modules-load.d /etc/sysctl.d /etc/systemd/system/docker.service.d /opt /opt/cni /opt/containerd /opt/containerd/bin /opt/containerd/lib /lib/modules /usr/lib/modules /run/netns /usr/local/lib/docker /usr/local/lib/docker/cli-plugins /var/lib/kubelet /var/lib/cni /var/lib/docker; do
    [ ! -d "$path" ] || stat -c '%a %n' "$path" >>$record/modes
  done
  for path in /etc/docker/daemon.json /usr/local/lib/docker/cli-plugins/docker-compose; do
    case $(readlink "$path" 2>/dev/null) in /opt/windlass/*) continue ;; esac
    if [ -e "$path" ] || [ -L "$path" ]; then
      mkdir -p "$record/kept${path%/*}" && cp -a "$path" "$record/kept$path" || exit 1
    fi
  done
  for tables in iptables ip6tables; do
    $tables-save >/etc/windlass/before/$tables 2>/dev/null || rm -f /etc/windlass/before/$tables
  done
  ! command -v nft >/dev/null || nft list tables >$record/tables 2>/dev/null || :
  ls -d /sys/fs/cgroup/kubepods.slice /sys/fs/cgroup/docker /sys/fs/cgroup/*/kubepods.slice /sys/fs/cgroup/*/docker >/etc/windlass/before/cgroups 2>/dev/null || :
  if command -v dockerd >/dev/null; then
    docker images -aq --no-trunc >$record/images 2>/dev/null || echo unknown >$record/images
  fi
  sync -f $record; : >$record/complete
fi
if systemd-detect-virt -cq 2>/dev/null; then own='net.*'; else own='*'; fi
touch $record/parameters
for name in net.ipv4.ip_forward vm.max_map_count net.ipv4.conf.all.route_localnet net.ipv6.conf.all.forwarding net.ipv6.conf.default.forwarding; do
  case $name in $own) ;; *) continue ;; esac
  cut -d= -f1 $record/parameters | grep -qxF "$name" && continue
  value=$(sysctl -n "$name" 2>/dev/null) && echo "$name=$value" >>$record/parameters
done
sync -f $record
