"""The script that asks a host what it is, without changing anything; `host.facts` reads what it prints.

It needs a POSIX shell and what a plain Linux server has.
"""

from __future__ import annotations

from windlass.domain.host.layout import CNI_CONFIG, DOCKER_UNFINISHED, SEALED_PKI
from windlass.domain.scripts.host_record import ENGINE_IS_OURS
from windlass.domain.scripts.script import Script


def facts_script() -> Script:
    """Return the script."""
    return Script("gather-facts", {}, _TEXT, is_look=True)


_PLUGIN_DIRECTORIES = (
    '"${HOME:-/root}/.docker/cli-plugins" /usr/local/lib/docker/cli-plugins /usr/local/libexec/docker/cli-plugins '
    "/usr/lib/docker/cli-plugins /usr/libexec/docker/cli-plugins"
)
"""In the order in which Docker's client looks for plugins:
https://github.com/docker/cli/blob/v20.10.24/cli-plugins/manager/manager.go and manager_unix.go beside it."""

_TEXT = r"""
say() { printf '%s=%s\n' "$1" "$2"; }
if [ -r /etc/os-release ]; then
  . /etc/os-release; say os_id "$ID"; say os_version "${VERSION_ID:-}"; say os_name "$PRETTY_NAME"
fi
say kernel "$(uname -r)"
say arch "$(uname -m)"
say hostname "$(uname -n)"
say epoch "$(date +%s.%N)"
say machine_id "$(cat /etc/machine-id 2>/dev/null)"
say init "$(cat /proc/1/comm)"
say cpus "$(nproc)"
awk '/^MemTotal/ {print "memory_kib=" $2}' /proc/meminfo
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then say cgroup 2; else say cgroup 1; fi
awk 'NR > 1 {print "swap=" $1}' /proc/swaps; say swap_known yes
awk '/^CapBnd/ {print "cap_bounding=" $2}' /proc/self/status
ip -o addr show 2>/dev/null | awk '{print "interface=" $2 " " $4; sub("/.*", "", $4); print "address=" $4}'
for directory in /var/lib/windlass /var/lib /; do
  df -Pk $directory 2>/dev/null | awk -v name=$directory 'NR > 1 {print "disk=" name " " $4}'
done
if [ -L /etc/resolv.conf ] || grep -q '^nameserver 127\.0\.0\.53' /etc/resolv.conf; then
  [ -s /run/systemd/resolve/resolv.conf ] && say resolv_conf /run/systemd/resolve/resolv.conf
fi
awk '/^nameserver/ {print "nameserver=" $2}' /etc/resolv.conf
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
  awk '$4 == "0A" {split($2, a, ":"); print "listening_hex=" a[2]}' | sort -u
if [ -w /proc/sys/net/netfilter/nf_conntrack_max ]; then say conntrack_writable yes
elif [ -e /proc/sys/net/netfilter/nf_conntrack_max ]; then say conntrack_writable no; fi
if command -v dockerd >/dev/null && [ ! -e DOCKER_UNFINISHED ]; then
  command -v docker >/dev/null || say docker_client missing
  ! ENGINE_IS_OURS || say docker_from windlass
  say docker "$(docker version --format '{{.Server.Version}}' 2>/dev/null || echo stopped)"
fi
if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; then
  PATH="$PATH:/usr/sbin:/sbin" command -v apparmor_parser >/dev/null || say apparmor_parser missing
  # The engine has the text of its profile in itself; distributions have mended older versions too.
  if grep -qsE '^(/usr/s?bin/)?runc ' /sys/kernel/security/apparmor/profiles &&
    engine=$(command -v dockerd) && ! grep -qsF 'peer=runc' "$engine"; then say signals denied; fi
fi
[ "$(cat /sys/fs/selinux/enforce 2>/dev/null)" != 1 ] || say selinux enforcing
# The plugin by itself, where Docker looks for it: through Docker it takes three processes and four times as long.
compose='docker compose'
for directory in PLUGIN_DIRECTORIES; do
  [ ! -x "$directory/docker-compose" ] || { compose="$directory/docker-compose"; break; }
done
$compose version --short 2>/dev/null | sed 's/^v*/compose=v/'
for file in /etc/systemd/system/kubelet.service.d/*.conf /usr/lib/systemd/system/kubelet.service.d/*.conf \
  /usr/local/lib/systemd/system/kubelet.service.d/*.conf /run/systemd/system/kubelet.service.d/*.conf \
  /etc/systemd/system/k3s*.service /etc/systemd/system/k0s*.service /etc/systemd/system/rke2*.service \
  /usr/local/lib/systemd/system/rke2*.service CNI_CONFIG/*.conf CNI_CONFIG/*.conflist; do
  [ ! -e "$file" ] || say leftover "$file"
done
for directory in /opt /var/log /var/lib/docker /var/lib; do
  [ -d $directory ] || continue
  df -Pk $directory 2>/dev/null | awk -v name=$directory 'NR > 1 {print "room=" name " " $4}'
  # File systems that make inodes as they need them say that they have none at all.
  df -Pi $directory 2>/dev/null | awk -v name=$directory 'NR > 1 && $2 > 0 {print "inodes=" name " " $4}'
done
engine=$(pgrep -xo dockerd) && tr '\0' '\n' <"/proc/$engine/cmdline" | sed -n 's/^\(--[a-z-]*\).*/docker_flag=\1/p'
[ ! -e /var/lib/docker/swarm/docker-state.json ] || say swarm yes
PATH="$PATH:/usr/sbin:/sbin" sshd -T -C "user=${SUDO_USER:-root},host=localhost,addr=127.0.0.1" 2>/dev/null |
  awk '$1 == "allowtcpforwarding" {allowed = $2} $1 == "disableforwarding" {off = $2}
    END {if (allowed) print "forwards=" (allowed ~ /^(yes|all|local)$/ && off != "yes" ? "yes" : "no")}'
for tool in iptables curl conntrack mount nsenter; do command -v $tool >/dev/null && say tool $tool; done
if head -c 11 SEALED_PKI 2>/dev/null | grep -qF '{"windlass"'; then
  say store_marks "$(head -n 3 SEALED_PKI | head -c 8192 | base64 | tr -d '\n')"
fi
[ -r /etc/windlass/cluster ] && say cluster "$(cat /etc/windlass/cluster)"
say complete yes
""".replace("DOCKER_UNFINISHED", DOCKER_UNFINISHED)
_TEXT = (
    _TEXT.replace("PLUGIN_DIRECTORIES", _PLUGIN_DIRECTORIES)
    .replace("SEALED_PKI", SEALED_PKI)
    .replace("CNI_CONFIG", CNI_CONFIG)
    .replace("ENGINE_IS_OURS", ENGINE_IS_OURS)
)
