"""What a host is, as a whole, to compare before and after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from e2e.ground import Ground

_SNAPSHOT = r"""
find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp \
  -o -path /var/lib/systemd -o -path /var/lib/sudo -o -path /var/lib/private -o -path /var/cache \
  -o -path /var/log/journal -o -path /var/lib/docker \
  -o -name wtmp -o -name btmp -o -name lastlog \) -prune -o -printf 'path %p %y %m %u:%g %l\n'
find /etc /opt /usr/local /home /root -xdev -type f -exec sha256sum {} + | sed 's/^/content /'
for path in /var/lib/docker /var/lib/windlass /var/lib/kubelet; do
  [ ! -d $path ] || ls -A $path | sed "s|^|in $path |"
done
ls -d /run/docker* /run/containerd /run/nri /run/netns /run/windlass 2>/dev/null | sed 's/^/path /'
dpkg-query -W -f 'package ${Package} ${Version} ${Status}\n'
systemctl list-unit-files --no-legend --plain | awk '{print "unit " $1 " " $2}'
systemctl list-units --no-legend --plain --all --type=slice | awk '$1 !~ /^user/ {print "slice " $1}'
find /sys/fs/cgroup -maxdepth 2 -type d \( -name 'kubepods*' -o -name docker \) | sed 's/^/cgroup /'
sysctl -a 2>/dev/null | grep -E '^net\.(ipv4|ipv6)\.' | grep -vE 'fastopen_key|\.neigh\.|stable_secret' |
  sed 's/^/parameter /'
ip -o link | awk -F'[ :@]+' '{print "interface " $2}'
ip route | sed 's/^/route /'
awk '{print "mount " $2}' /proc/mounts
# A table that has no rule, and no other policy than to accept, is as good as none.
for tables in iptables ip6tables; do
  $tables-save 2>/dev/null | sed 's/ \[[0-9:]*\]$//' | grep -vE '^(#|\*|COMMIT|:[A-Z]+ ACCEPT$)' | sed "s/^/$tables /"
done
nft list tables 2>/dev/null | grep -vE '^table ip6? (nat|filter|mangle|raw|security)$' | sed 's/^/nft /'
if command -v docker >/dev/null; then
  docker ps -a --no-trunc --format 'container {{.ID}} {{.Names}} {{.Image}}'
  docker images -a --no-trunc --format 'image {{.ID}} {{.Repository}}:{{.Tag}}'
  docker network ls --no-trunc --format 'network {{.ID}} {{.Name}}'
  docker volume ls -q | sed 's/^/volume /'
fi
true
"""
"""All that a removal has to leave as it was, a line each. Volumes of the lab are listed by what lies in them."""

UNCHANGED: dict[str, list[str]] = {"new": [], "gone": []}


def snapshot(ground: Ground, host: str, within: timedelta = timedelta(minutes=3)) -> list[str]:
    """Return what a host is."""
    return ground.on(host, _SNAPSHOT, within).splitlines()


def difference(before: Sequence[str], now: Sequence[str]) -> dict[str, list[str]]:
    """Return what is there now and was not, and what was and is not."""
    return {"new": sorted(set(now) - set(before)), "gone": sorted(set(before) - set(now))}
