set -eu
digest=$( { find /etc/windlass/stacks/api-proxy/haproxy.cfg -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1)
[ "$(cat /var/lib/windlass/applied/API-proxy 2>/dev/null)" != "$digest" ] || exit 0
mkdir -p /var/lib/windlass/applied
digest=$( { find /etc/windlass/stacks/api-proxy/haproxy.cfg -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1); echo "$digest" > /var/lib/windlass/applied/API-proxy.start
digest=$( { find /etc/windlass/pki/api-proxy/ca.crt -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum; :
  } | sha256sum | cut -d' ' -f1); echo "$digest" > /var/lib/windlass/applied/API-proxy-authority.start

running=$(docker inspect --format '{{.State.Status}} {{.State.Pid}} {{index .Config.Labels "io.windlass.digest"}}' windlass-api-proxy 2>/dev/null) || exit 0
read -r state master rendered <<END
$running
END
[ "$state" = running ] && grep -qF -- "$rendered" /etc/windlass/stacks/api-proxy/compose.yaml || exit 0
log=$(mktemp); trap 'rm -f $log' EXIT
if ! docker exec windlass-api-proxy haproxy -c -f /etc/windlass/stacks/api-proxy/haproxy.cfg >$log 2>&1; then
  grep ALERT $log | head -n 3 >&2
  echo "HAProxy does not take /etc/windlass/stacks/api-proxy/haproxy.cfg; the API proxy goes on with what it had" >&2; exit 1
fi
before=$(pgrep -P "$master" | sort) || :
docker kill --signal USR2 windlass-api-proxy >/dev/null
deadline=$(( $(date +%s) + 20 ))
until [ -n "$(pgrep -P "$master" | grep -vxF -- "$before")" ]; do
  if [ "$(date +%s)" -ge "$deadline" ]; then
    docker logs --tail 3 windlass-api-proxy >&2
    echo "the API proxy has not reloaded /etc/windlass/stacks/api-proxy/haproxy.cfg; see docker logs windlass-api-proxy" >&2; exit 1
  fi
  sleep 0.1
done

mv /var/lib/windlass/applied/API-proxy.start /var/lib/windlass/applied/API-proxy
mv /var/lib/windlass/applied/API-proxy-authority.start /var/lib/windlass/applied/API-proxy-authority
echo "changed: API proxy"
