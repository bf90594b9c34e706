set -eu
exec 9</etc/windlass/stacks/virtual-address
flock 9
have=$(docker ps --filter label=com.docker.compose.project=windlass-virtual-address --filter status=running --format '{{.Label "io.windlass.component"}}={{.Label "io.windlass.digest"}}' | LC_ALL=C sort)
if [ "$have" = keepalived=sha256:3 ]; then exit 0; fi
log=$(mktemp); trap 'rm -f $log' EXIT
cd /etc/windlass/stacks/virtual-address
mkdir -p /var/lib/windlass/applied
digest=$( { find /etc/windlass/stacks/virtual-address/keepalived.conf -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1); echo "$digest" > /var/lib/windlass/applied/virtual-address.start
if ! docker compose -p windlass-virtual-address -f compose.yaml up -d --remove-orphans >$log 2>&1; then tail -n 3 $log >&2; exit 1; fi
mv /var/lib/windlass/applied/virtual-address.start /var/lib/windlass/applied/virtual-address
echo "changed: stack virtual-address"
