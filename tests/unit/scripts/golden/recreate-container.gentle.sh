set -eu
cd /etc/windlass/stacks/control-plane 2>/dev/null && [ -s compose.yaml ] || exit 66
exec 9<.
flock -w 120 9 || { echo "another Compose has held control-plane for 120 s" >&2; exit 1; }
log=$(mktemp); trap 'rm -f $log' EXIT
docker compose -p windlass-control-plane -f compose.yaml up -d --no-deps --force-recreate kube-apiserver >$log 2>&1 || {
  docker rm -f windlass-kube-apiserver >/dev/null 2>&1 || :
  docker compose -p windlass-control-plane -f compose.yaml up -d --no-deps --force-recreate kube-apiserver >$log 2>&1 || { tail -n 3 $log >&2; exit 1; }
}
echo "changed: container kube-apiserver"
