set -e
(
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
for name in net.ipv4.conf.all.route_localnet net.ipv6.conf.all.forwarding net.ipv6.conf.default.forwarding; do
  case $name in $own) ;; *) continue ;; esac
  cut -d= -f1 $record/parameters | grep -qxF "$name" && continue
  value=$(sysctl -n "$name" 2>/dev/null) && echo "$name=$value" >>$record/parameters
done
sync -f $record

)
(
set -u
umask 077
[ -e /var/lib/windlass/own/record ] || exit 0
own=/var/lib/windlass/own
forget() { # line; where it is the last one grep finds no other, which is no failure
  grep -vxF "$1" $own/record >$own/record.new || [ $? = 1 ]
  mv $own/record.new $own/record
}
take_away() { # path
  if [ -e "$own/kept$1" ] || [ -L "$own/kept$1" ]; then
    mkdir -p "${1%/*}"; cp -a "$own/kept$1" "$1.windlass"; mv -T "$1.windlass" "$1"; rm -f "$own/kept$1"
    echo "changed: $1, which is again what it was"
  else rm -f "$1"; echo "changed: $1, which is gone"; fi
  forget "file $1"
}
take_directories() { # made for such files, and empty by now
  sed -n 's/^dir //p' $own/record | LC_ALL=C sort -r | while IFS= read -r path; do
    ! grep -qF "$path/" $own/wanted || continue
    [ ! -d "$path" ] || rmdir "$path" 2>/dev/null || continue
    forget "dir $path"
  done
}
keep() { # path
  ! grep -qxF "file $1" $own/record || return 0
  if [ -d "$1" ]; then
    echo "$1 is a directory here, and a file in the spec; move it away, or give the file another path" >&2; exit 1
  fi
  directory=${1%/*}
  while [ -n "$directory" ] && [ ! -e "$directory" ]; do
    echo "dir $directory" >>$own/record; directory=${directory%/*}
  done
  if [ -e "$1" ] || [ -L "$1" ]; then
    mkdir -p "$own/kept${1%/*}"; rm -rf $own/copy; cp -a "$1" $own/copy; mv -T $own/copy "$own/kept$1"
  fi
  sync -f $own; echo "file $1" >>$own/record
}
( umask 022; mkdir -p "${own%/*}" )
mkdir -p $own/kept
touch $own/record
: >$own/wanted
while IFS= read -r path; do keep "$path" || exit 1; done <$own/wanted
for path in $(sed -n 's/^file //p' $own/record | grep -vxF -f $own/wanted); do take_away "$path"; done
take_directories

)
