set -eu
exec 9</etc/windlass/stacks/api-proxy
flock 9
have=$(docker ps --filter label=com.docker.compose.project=windlass-api-proxy --filter status=running --format '{{.Label "io.windlass.component"}}={{.Label "io.windlass.digest"}}' | LC_ALL=C sort)
if [ "$have" = api-proxy=sha256:3 ]; then exit 0; fi
log=$(mktemp); trap 'rm -f $log' EXIT
cd /etc/windlass/stacks/api-proxy
mkdir -p /var/lib/windlass/applied
digest=$( { find /etc/windlass/stacks/api-proxy/haproxy.cfg -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1); echo "$digest" > /var/lib/windlass/applied/API-proxy.start
digest=$( { find /etc/windlass/pki/api-proxy/ca.crt -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1); echo "$digest" > /var/lib/windlass/applied/API-proxy-authority.start
if ! docker compose -p windlass-api-proxy -f compose.yaml up -d --remove-orphans >$log 2>&1; then tail -n 3 $log >&2; exit 1; fi
mv /var/lib/windlass/applied/API-proxy.start /var/lib/windlass/applied/API-proxy
mv /var/lib/windlass/applied/API-proxy-authority.start /var/lib/windlass/applied/API-proxy-authority
echo "changed: stack api-proxy"
