set -eu
digest=$( { find /etc/windlass/stacks/virtual-address/keepalived.conf -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1)
[ "$(cat /var/lib/windlass/applied/virtual-address 2>/dev/null)" != "$digest" ] || exit 0
mkdir -p /var/lib/windlass/applied
digest=$( { find /etc/windlass/stacks/virtual-address/keepalived.conf -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1); echo "$digest" > /var/lib/windlass/applied/virtual-address.start

running=$(docker inspect --format '{{.State.Status}}' windlass-keepalived 2>/dev/null) || exit 0
[ "$running" = running ] || exit 0
docker kill --signal HUP windlass-keepalived >/dev/null

mv /var/lib/windlass/applied/virtual-address.start /var/lib/windlass/applied/virtual-address
echo "changed: virtual address"
