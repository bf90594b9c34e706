set -eu
cd /etc/windlass/stacks/api-proxy 2>/dev/null && [ -s compose.yaml ] || exit 66
exec 9<.
flock -w 120 9 || { echo "another Compose has held api-proxy for 120 s" >&2; exit 1; }
log=$(mktemp); trap 'rm -f $log' EXIT
mkdir -p /var/lib/windlass/applied
digest=$( { find /etc/windlass/stacks/api-proxy/haproxy.cfg -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1); echo "$digest" > /var/lib/windlass/applied/API-proxy.start
digest=$( { find /etc/windlass/pki/api-proxy/ca.crt -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1); echo "$digest" > /var/lib/windlass/applied/API-proxy-authority.start
docker compose -p windlass-api-proxy -f compose.yaml up -d --no-deps --force-recreate api-proxy >$log 2>&1 || {
  docker rm -f windlass-api-proxy >/dev/null 2>&1 || :
  docker compose -p windlass-api-proxy -f compose.yaml up -d --no-deps --force-recreate api-proxy >$log 2>&1 || { tail -n 3 $log >&2; exit 1; }
}
mv /var/lib/windlass/applied/API-proxy.start /var/lib/windlass/applied/API-proxy
mv /var/lib/windlass/applied/API-proxy-authority.start /var/lib/windlass/applied/API-proxy-authority
echo "changed: container api-proxy"
